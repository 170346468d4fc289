using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Messaging;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>The outbox row by row: of a service whose relay stands still, so that nothing leaves while it is looked at.</summary>
public sealed class OutboxListTests(OutboxListTests.Still fixture) : IClassFixture<OutboxListTests.Still>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_waits_is_listed_by_state_subject_and_destination_the_oldest_first_page_by_page()
    {
        using var client = fixture.Operator();
        var (parked, pending, later, published) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        var from = TimeProvider.System.GetUtcNow();
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            var send = scope.ServiceProvider;
            await send.SendWork(parked, 1, "one.commands");
            await send.SendWork(pending, 1, "two.commands");
            await send.GetRequiredService<ISendEndpointProvider>().SendCommandAsync("two.commands", new DoWork(later, 1), later, from.AddHours(1), Token);
            await send.PublishCancelled(published, 1);
            await send.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        await fixture.Database.ExecuteAsync(
            $"UPDATE messaging.outbox SET parked_at = now(), attempts = 12, last_error = 'no exchange' WHERE outbox_key = '{parked}'");
        await using var channel = await fixture.OpenChannelAsync();
        await channel.QueueDeclareAsync("three.listener", durable: false, exclusive: false, autoDelete: false, cancellationToken: Token);
        using (var replay = await client.PostAsJsonAsync(
            new Uri("/v1/ops/boundary-events/replay", UriKind.Relative), new { from, destination = "three.listener", subject = published.ToString() }, Token))
        {
            replay.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        }

        var row = (await ItemsAsync(client, $"state=parked&orderId={parked}")).ShouldHaveSingleItem();
        row.GetProperty("state").GetString().ShouldBe("parked");
        row.GetProperty("destination").GetString().ShouldBe("one.commands");
        row.GetProperty("type").GetString()!.ShouldEndWith("DoWork");
        row.GetProperty("attempts").GetInt32().ShouldBe(12);
        row.GetProperty("lastError").GetString().ShouldBe("no exchange");
        row.GetProperty("parkedAt").ValueKind.ShouldBe(JsonValueKind.String);
        row.GetProperty("correlationId").GetString().ShouldNotBeNullOrEmpty();
        row.TryGetProperty("body", out _).ShouldBeFalse("what it says is personal data");

        (await ItemsAsync(client, "destination=two.commands")).ShouldHaveSingleItem("what is due later is a timer")
            .GetProperty("state").GetString().ShouldBe("pending");
        (await ItemsAsync(client, $"orderId={later}")).ShouldBeEmpty();
        (await ItemsAsync(client, $"orderId={published}&state=pending")).ShouldHaveSingleItem()
            .GetProperty("type").GetString().ShouldBe("shop.order.cancelled.v1");
        var replayed = (await ItemsAsync(client, $"orderId={published}&state=replayed")).ShouldHaveSingleItem();
        replayed.GetProperty("destination").GetString().ShouldBe("three.listener");
        replayed.GetProperty("dueAt").ValueKind.ShouldBe(JsonValueKind.Null, "not in a thousand years, as the row says");
        (await ItemsAsync(client, "destination=three.listener")).ShouldHaveSingleItem();

        var all = (await ItemsAsync(client, "limit=200")).Select(i => i.GetProperty("id").GetInt64()).ToList();
        all.ShouldBe(all.Order());
        (await PagedAsync(client)).ShouldBe(all);
        using var senseless = await client.GetAsync(new Uri("/v1/ops/outbox/messages?state=lost", UriKind.Relative), Token);
        senseless.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task One_parked_message_is_released_and_its_neighbour_stays()
    {
        using var client = fixture.Operator();
        var (mended, broken, pending) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.SendWork(mended, 1, "four.commands");
            await scope.ServiceProvider.SendWork(broken, 1, "five.commands");
            await scope.ServiceProvider.SendWork(pending, 1, "six.commands");
            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        await fixture.Database.ExecuteAsync($"UPDATE messaging.outbox SET parked_at = now(), attempts = 12 WHERE outbox_key IN ('{mended}', '{broken}')");
        var id = await IdAsync(mended);
        var unrecorded = Guid.CreateVersion7().ToString();
        await fixture.Database.RefuseAuditOfAsync(unrecorded);
        (await ReleaseAsync(client, id, unrecorded)).ShouldBe(HttpStatusCode.InternalServerError);
        (await ItemsAsync(client, $"state=parked&orderId={mended}")).Count.ShouldBe(1, "what cannot be recorded is not done");

        (await ReleaseAsync(client, id)).ShouldBe(HttpStatusCode.Accepted);

        var released = (await ItemsAsync(client, $"orderId={mended}")).ShouldHaveSingleItem();
        (released.GetProperty("state").GetString(), released.GetProperty("attempts").GetInt32()).ShouldBe(("pending", 0));
        (await ItemsAsync(client, $"orderId={broken}")).ShouldHaveSingleItem().GetProperty("state").GetString().ShouldBe("parked");
        (await ReleaseAsync(client, id)).ShouldBe(HttpStatusCode.Conflict);
        (await ReleaseAsync(client, await IdAsync(pending))).ShouldBe(HttpStatusCode.Conflict);
        (await ReleaseAsync(client, long.MaxValue)).ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_timer_that_is_due_within_a_lease_may_be_on_its_way_and_is_not_given_to_a_second_sender()
    {
        using var client = fixture.Operator();
        var (moment, hour) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            foreach (var (subject, delay) in new[] { (moment, Still.Lease / 2), (hour, TimeSpan.FromHours(1)) })
            {
                await scope.ServiceProvider.GetRequiredService<ISendEndpointProvider>().SendCommandAsync(
                    "seven.commands", new DoWork(subject, 1), subject, TimeProvider.System.GetUtcNow() + delay, Token);
            }

            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        var (due, later) = (await DueAsync(moment), await DueAsync(hour));
        (await RunAsync(await IdAsync(moment))).ShouldBe(HttpStatusCode.Accepted);
        (await RunAsync(await IdAsync(hour))).ShouldBe(HttpStatusCode.Accepted);

        (await DueAsync(moment)).ShouldBe(due);
        (await DueAsync(hour)).ShouldBeLessThan(later.AddMinutes(-30));
        (await ItemsAsync(client, $"orderId={hour}")).ShouldHaveSingleItem().GetProperty("state").GetString().ShouldBe("pending");

        async Task<HttpStatusCode> RunAsync(long id)
        {
            using var answer = await client.PostAsync(new Uri($"/v1/ops/timers/{id}/run", UriKind.Relative), null, Token);
            return answer.StatusCode;
        }
    }

    private Task<DateTime> DueAsync(Guid key) => fixture.Database.ScalarAsync<DateTime>($"SELECT due_at FROM messaging.outbox WHERE outbox_key = '{key}'");

    private Task<long> IdAsync(Guid key) => fixture.Database.ScalarAsync<long>($"SELECT id FROM messaging.outbox WHERE outbox_key = '{key}'");

    private static async Task<HttpStatusCode> ReleaseAsync(HttpClient client, long id, string? correlation = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/v1/ops/outbox/messages/{id}/release", UriKind.Relative));
        request.Headers.Add("X-Correlation-Id", correlation ?? Guid.CreateVersion7().ToString());
        using var answer = await client.SendAsync(request, Token);
        return answer.StatusCode;
    }

    private static async Task<List<JsonElement>> ItemsAsync(HttpClient client, string query) =>
        [.. (await client.GetFromJsonAsync<JsonElement>($"/v1/ops/outbox/messages?{query}", Token)).GetProperty("items").EnumerateArray()];

    private static async Task<List<long>> PagedAsync(HttpClient client)
    {
        var (seen, cursor) = (new List<long>(), (string?)null);
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>($"/v1/ops/outbox/messages?limit=1{(cursor is null ? "" : $"&cursor={cursor}")}", Token);
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(t => t.GetProperty("id").GetInt64()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        return seen;
    }

    public sealed class Still : OpsFixture
    {
        public static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            await Services.GetRequiredService<OutboxRelay>().StopAsync(CancellationToken.None);
        }

        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Messaging:Lease"] = Lease.ToString();
        }
    }
}
