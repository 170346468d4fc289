using System.Net;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Notifications.Tests.Support;
using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

/// <summary>What operators see of all webhooks.</summary>
public class OverviewTests(WebhooksFixture service) : IClassFixture<WebhooksFixture>
{
    [Fact]
    public async Task What_was_sent_about_an_order_is_found_across_all_webhooks()
    {
        var (takes, refuses) = (await service.Subscribe("shop.order.*"), await service.Subscribe("shop.order.*"));
        await service.Receiver.Answer(refuses.Name, new { status = 500 });
        var (order, other) = (NotificationsFixture.Confirmation(Guid.CreateVersion7()), NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        var eventId = await service.Broker.Publish(order);
        await service.Broker.Publish(other);
        await Poll.UntilAsync(
            async () => (await Found($"orderId={order.OrderId}&status=failed")).Count == 1
                && (await Found($"orderId={order.OrderId}&status=succeeded")).Count > 0,
            "both deliveries to end");

        var about = await Found($"orderId={order.OrderId}");
        about.ShouldAllBe(d => d.GetProperty("subject").GetString() == order.OrderId.ToString());
        about.Select(d => d.GetProperty("webhookId").GetGuid()).ShouldContain(takes.Id);
        about.Select(d => d.GetProperty("id").GetGuid()).ShouldBe(about.Select(d => d.GetProperty("id").GetGuid()).OrderDescending());
        (await Found($"orderId={order.OrderId}&status=failed"))[0].GetProperty("webhookId").GetGuid().ShouldBe(refuses.Id);
        (await Found($"eventId={eventId}")).Count.ShouldBe(about.Count);
        (await Found($"orderId={Guid.CreateVersion7()}")).ShouldBeEmpty();
        using var senseless = await service.Operators.GetAsync("/v1/webhook-deliveries?status=lost");
        senseless.StatusCode.ShouldBe(HttpStatusCode.BadRequest);

        async Task<List<JsonElement>> Found(string query) => [.. (await service.Get($"/v1/webhook-deliveries?{query}")).GetProperty("items").EnumerateArray()];
    }

    [Fact]
    public async Task A_webhook_says_how_many_of_its_attempts_succeed_and_whether_it_is_tried()
    {
        var webhook = await service.Subscribe("shop.order.*");
        (await View()).ShouldBe(("closed", null));
        await service.Database.ExecuteAsync(
            $"""
            INSERT INTO webhook_events (event_id, event_type, body, event_time, received_at) VALUES ('ratio', 'none', '', now(), now());
            INSERT INTO webhook_deliveries (id, webhook_id, event_id, status, due_at, created_at) VALUES ('{webhook.Id}', '{webhook.Id}', 'ratio', 'succeeded', now(), now());
            INSERT INTO webhook_attempts (id, delivery_id, webhook_id, number, started_at, latency_ms, status_code)
            SELECT gen_random_uuid(), '{webhook.Id}', '{webhook.Id}', n, now() - age, 1, status
            FROM (VALUES (1, interval '1 hour', 204), (2, '2 hours', 200), (3, '3 hours', 500), (4, '23 hours', NULL), (5, '25 hours', 500)) AS a(n, age, status)
            """);
        (await View()).ShouldBe(("closed", 0.5));

        var threshold = service.Services.GetRequiredService<IOptions<WebhookOptions>>().Value.CircuitThreshold;
        await service.Database.ExecuteAsync(
            $"UPDATE webhooks SET consecutive_failures = {threshold}, paused_until = now() + interval '1 hour' WHERE id = '{webhook.Id}'");
        (await View()).ShouldBe(("open", 0.5));
        await service.Database.ExecuteAsync($"UPDATE webhooks SET paused_until = now() - interval '1 second' WHERE id = '{webhook.Id}'");
        (await View()).ShouldBe(("halfOpen", 0.5));

        async Task<(string?, double?)> View()
        {
            var listed = (await service.Get("/v1/webhooks?limit=200")).GetProperty("items").EnumerateArray()
                .Single(w => w.GetProperty("id").GetGuid() == webhook.Id);
            var alone = await service.Get($"/v1/webhooks/{webhook.Id}");
            alone.GetRawText().ShouldBe(listed.GetRawText());
            var ratio = listed.GetProperty("successRatio");
            return (listed.GetProperty("circuit").GetString(), ratio.ValueKind == JsonValueKind.Null ? null : ratio.GetDouble());
        }
    }
}
