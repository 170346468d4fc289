using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Notifications.Tests.Support;
using Notifications.Webhooks;
using Shop.Contracts;
using Shop.Contracts.Users.V1;

namespace Notifications.Tests.Webhooks;

public class DeliveryTests(WebhooksFixture service) : IClassFixture<WebhooksFixture>
{
    [Fact]
    public async Task A_partner_verifies_and_parses_every_delivery_with_the_usual_packages()
    {
        var webhook = await service.Subscribe("shop.order.*");
        var order = NotificationsFixture.Confirmation(Guid.CreateVersion7());
        var eventId = await service.Broker.Publish(order, sequence: 3, trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

        var delivery = (await service.Arrived(webhook)).ShouldHaveSingleItem();
        delivery.Refusal.ShouldBeNull();
        delivery.Id.ShouldBe(eventId);
        delivery.Method.ShouldBe("POST");
        delivery.ContentType.ShouldBe("application/cloudevents+json; charset=utf-8");
        delivery.Headers.ShouldContain("traceparent", "though nobody listens to our own spans");
        var parsed = delivery.Event!.Value;
        parsed.GetProperty("type").GetString().ShouldBe("shop.order.confirmed.v1");
        parsed.GetProperty("subject").GetString().ShouldBe(order.OrderId.ToString());
        parsed.GetProperty("data").GetProperty("total").GetProperty("amount").GetString().ShouldBe("1218");
    }

    [Fact]
    public async Task An_event_of_a_type_that_nobody_here_knows_is_passed_on_as_it_came()
    {
        var webhook = await service.Subscribe("shop.loyalty.*");
        await service.Broker.Publish(
            "shop.loyalty.points-earned.v3", Encoding.UTF8.GetBytes("""{"points":12345678901234567890.10,"nested":{"a":[1,null]}}"""), "member-1");
        var delivery = (await service.Arrived(webhook)).ShouldHaveSingleItem();
        delivery.Refusal.ShouldBeNull();
        delivery.Event!.Value.GetProperty("type").GetString().ShouldBe("shop.loyalty.points-earned.v3");
    }

    [Fact]
    public async Task Only_what_was_asked_for_is_delivered_and_once_per_event()
    {
        var orders = await service.Subscribe("shop.order.*", "shop.order.confirmed.v1");
        var users = await service.Subscribe("shop.user.registered.v1");
        var order = NotificationsFixture.Confirmation(Guid.CreateVersion7());
        var id = await service.Broker.Publish(order);
        await service.Broker.Publish(order, id: id);
        var user = await service.Register();

        (await service.Arrived(users)).ShouldContain(d => d.Event!.Value.GetProperty("subject").GetString() == user.UserId.ToString());
        (await service.Arrived(orders)).ShouldHaveSingleItem().Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_replay_brings_what_did_not_arrive_and_nothing_older_than_what_is_remembered()
    {
        var webhook = await service.Subscribe("shop.order.confirmed.v1");
        var clock = service.Services.GetRequiredService<TimeProvider>();
        var retention = service.Services.GetRequiredService<IOptions<WebhookOptions>>().Value.Retention;
        var recent = Replayed(retention / 2);
        foreach (var envelope in (CloudEventEnvelope[])[Replayed(retention * 1.1), recent, recent])
        {
            await using var scope = service.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<WebhookFanOut>().AcceptAsync(envelope, "{}"u8.ToArray(), TestContext.Current.CancellationToken);
        }

        (await service.Arrived(webhook)).ShouldHaveSingleItem().Id.ShouldBe(recent.Id);
        (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries")).GetProperty("items").GetArrayLength().ShouldBe(1);

        CloudEventEnvelope Replayed(TimeSpan age) => new(
            Guid.CreateVersion7().ToString(),
            ShopContracts.Catalogue.SourceOf("orders"),
            "shop.order.confirmed.v1",
            clock.GetUtcNow() - age,
            Guid.CreateVersion7().ToString(),
            Replay: true);
    }

    [Fact]
    public async Task Every_attempt_carries_the_same_id_and_bytes_and_is_in_the_log()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(
            webhook.Name,
            new { status = 500, body = "no\u0000pe" },
            new { status = 302, headers = new { location = "http://127.0.0.1:1/" } },
            new { status = 200, body = "ok" });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));

        var delivery = await service.Delivery(webhook, "succeeded");
        var arrived = await service.Arrived(webhook, 3);
        arrived.Count.ShouldBe(3);
        arrived.ShouldAllBe(d => d.Refusal == null);
        arrived.DistinctBy(d => (d.Id, d.Sha256)).Count().ShouldBe(1);
        var attempts = delivery.GetProperty("attempts").EnumerateArray().ToList();
        attempts.Select(a => a.GetProperty("status").GetInt32()).ShouldBe([500, 302, 200]);
        attempts.Select(a => a.GetProperty("number").GetInt32()).ShouldBe([1, 2, 3]);
        attempts[0].GetProperty("responseExcerpt").GetString().ShouldBe("no\uFFFDpe");
        attempts.ShouldAllBe(a => a.GetProperty("latencyMs").GetDouble() > 0);
    }

    [Fact]
    public async Task A_delivery_fails_when_the_schedule_is_used_up_and_can_be_asked_for_again()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 503 });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        var failed = await service.Delivery(webhook, "failed");
        failed.GetProperty("attempts").GetArrayLength().ShouldBe(4);

        await service.Receiver.Answer(webhook.Name, new { status = 204 });
        await service.Post($"/v1/webhooks/{webhook.Id}/deliveries/{failed.GetProperty("id").GetGuid()}/redeliver");
        (await service.Delivery(webhook, "succeeded")).GetProperty("attempts").GetArrayLength().ShouldBe(5);
        (await service.Arrived(webhook, 5)).DistinctBy(d => (d.Id, d.Sha256)).Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_range_can_be_delivered_again()
    {
        var webhook = await service.Subscribe("shop.order.*");
        var before = DateTimeOffset.UtcNow;
        for (var i = 0; i < 3; i++)
        {
            await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        }

        await service.Arrived(webhook, 3);
        (await service.Post($"/v1/webhooks/{webhook.Id}/deliveries/redeliver", new { from = before })).GetProperty("count").GetInt32().ShouldBe(0);
        await Poll.UntilAsync(
            async () => (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries?status=succeeded")).GetProperty("items").GetArrayLength() == 3,
            "three successes");
        (await service.Post($"/v1/webhooks/{webhook.Id}/deliveries/redeliver", new { from = before, status = "succeeded" }))
            .GetProperty("count")
            .GetInt32()
            .ShouldBe(3);
        (await service.Arrived(webhook, 6)).DistinctBy(d => d.Id).Count().ShouldBe(3);
    }

    [Fact]
    public async Task During_a_rotation_the_old_and_the_new_secret_both_verify()
    {
        var webhook = await service.Subscribe("shop.order.*");
        var rotated = (await service.Post($"/v1/webhooks/{webhook.Id}/rotate-secret", expected: HttpStatusCode.OK)).GetProperty("secret").GetString()!;
        rotated.ShouldNotBe(webhook.Secret);

        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        var withOld = (await service.Arrived(webhook)).ShouldHaveSingleItem();
        withOld.Refusal.ShouldBeNull();
        withOld.Signatures.ShouldBe(2);

        await service.Receiver.Trust(webhook.Name, rotated);
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        (await service.Arrived(webhook, 2))[1].Refusal.ShouldBeNull();

        // After the overlap the old secret is worth nothing.
        await service.Database.ExecuteAsync($"UPDATE webhook_secrets SET expires_at = now() WHERE webhook_id = '{webhook.Id}' AND expires_at IS NOT NULL");
        await service.Receiver.Trust(webhook.Name, webhook.Secret);
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        var late = (await service.Arrived(webhook, 3))[2];
        late.Signatures.ShouldBe(1);
        late.Refusal.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_secret_that_was_replaced_lives_out_its_overlap_however_many_follow_it()
    {
        var webhook = await service.Subscribe("shop.order.*");
        for (var i = 0; i < 4; i++)
        {
            await service.Post($"/v1/webhooks/{webhook.Id}/rotate-secret", expected: HttpStatusCode.OK);
        }

        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        (await service.Arrived(webhook)).ShouldHaveSingleItem().Refusal.ShouldBeNull("the partner still has the first secret");

        var refused = await service.Post($"/v1/webhooks/{webhook.Id}/rotate-secret", expected: HttpStatusCode.Conflict);
        refused.GetProperty("type").GetString()!.ShouldEndWith("too_many_secrets");
    }

    [Fact]
    public async Task An_event_that_is_not_what_its_contract_says_reaches_no_partner()
    {
        var webhook = await service.Subscribe("shop.order.*", "other.*");
        foreach (var (type, body) in new[]
        {
            ("shop.order.confirmed.v1", "null"), ("shop.order.confirmed.v1", """{"orderId":"x","items":[]}"""), ("shop.order.dreamt.v1", "not JSON"),
        })
        {
            var id = await service.Broker.Publish(type, System.Text.Encoding.UTF8.GetBytes(body), "x");
            await Poll.UntilAsync(
                async () => await service.Database.ScalarAsync<long>(
                    $"SELECT count(*) FROM messaging.dead_letters WHERE queue = 'notifications.webhooks' AND message_id = '{id}' AND reason = 'invalid'") == 1,
                $"{type} with {body} to be a dead letter");
        }

        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        (await service.Arrived(webhook)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_webhook_that_is_switched_off_while_an_event_comes_keeps_nothing_that_waits()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await using var connection = new Npgsql.NpgsqlConnection(service.Database.Migrations);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var disable = new Npgsql.NpgsqlCommand($"UPDATE webhooks SET status = 'disabled' WHERE id = '{webhook.Id}'", connection, transaction))
        {
            await disable.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var id = await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<bool>($"SELECT EXISTS (SELECT FROM webhook_events WHERE event_id = '{id}')")
                || await service.Database.WaitersBehindAsync(connection.ProcessID) > 0,
            "the event to wait for the change, or to overlook it");
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<long>($"SELECT count(*) FROM webhook_events WHERE event_id = '{id}'") == 1, "the event to be known");
        (await service.Database.ScalarAsync<long>($"SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{webhook.Id}'")).ShouldBe(0);
    }

    [Theory]
    [InlineData("8 days", "active")]
    [InlineData("1 hour", "disabled")]
    public async Task One_failure_after_a_long_silence_says_nothing_of_the_time_before(string since, string status)
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 500 });
        await service.Database.ScalarAsync<int>(
            $"UPDATE webhooks SET consecutive_failures = 1, failing_since = now() - interval '10 days', last_failed_at = now() - interval '{since}' WHERE id = '{webhook.Id}' RETURNING consecutive_failures");

        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));

        await Poll.UntilAsync(async () => (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("failingSince").GetDateTimeOffset() > DateTimeOffset.UtcNow.AddDays(
            -1)
            || (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("status").GetString() == "disabled", "the failure to count");
        (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("status").GetString().ShouldBe(status);
    }

    [Fact]
    public async Task An_endpoint_that_asks_for_longer_than_anybody_can_count_is_asked_again_after_a_day()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 503, headers = new Dictionary<string, string> { ["retry-after"] = "99999999999999" } });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        await Poll.UntilAsync(
            async () => await service.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{webhook.Id}' AND due_at > now() + interval '23 hours'") == 1,
            "the delivery to wait for a day");
    }

    [Fact]
    public async Task An_attempt_that_cannot_even_be_made_has_failed()
    {
        var client = service.Services.GetRequiredService<DeliveryClient>();
        var delivery = new ClaimedDelivery(
            Guid.NewGuid(),
            Guid.NewGuid(),
            Guid.NewGuid(),
            "evt\n1",
            service.Receiver.Hook("nobody").ToString(),
            1,
            1,
            "{}"u8.ToArray(),
            [StandardWebhooks.NewSecret()],
            TimeSpan.Zero);
        var result = await client.AttemptAsync(delivery, CancellationToken.None);
        result!.Delivered.ShouldBeFalse();
        result.Error.ShouldBe("The request could not be made (FormatException).");
    }

    [Fact]
    public async Task The_test_button_sends_a_signed_event_whatever_the_webhook_listens_to()
    {
        var webhook = await service.Subscribe("shop.product.added.v1");
        var delivery = await service.Post($"/v1/webhooks/{webhook.Id}/test");
        var arrived = (await service.Arrived(webhook)).ShouldHaveSingleItem();
        arrived.Refusal.ShouldBeNull();
        arrived.Id.ShouldBe(delivery.GetProperty("eventId").GetString());
        arrived.Event!.Value.GetProperty("type").GetString().ShouldBe("shop.webhook.test.v1");
    }

    [Fact]
    public async Task Gone_disables_a_webhook_and_the_operators_are_told()
    {
        var tenant = $"gone-{Guid.CreateVersion7()}";
        using var tenants = service.ClientFor(Guid.CreateVersion7(), @operator: true, tenant: tenant);
        var webhook = await service.Subscribe(tenants, "shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 410 });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()), tenant: tenant);
        await service.Delivery(webhook, "failed");

        var state = await service.Get($"/v1/webhooks/{webhook.Id}");
        state.GetProperty("status").GetString().ShouldBe("disabled");
        state.GetProperty("disabledReason").GetString().ShouldBe("The endpoint answered 410 Gone.");
        await Poll.UntilAsync(
            async () => (await service.Mails.From(service.Sender)).Any(
                m => m.To == service.OperatorsAddress && m.Text.Contains(webhook.Name, StringComparison.Ordinal)),
            "the mail to the operators");
        (await tenants.GetFromJsonAsync<JsonElement>("/v1/notifications?template=webhook-disabled")).GetProperty("items").GetArrayLength().ShouldBe(1);
        using var test = await service.Operators.PostAsync($"/v1/webhooks/{webhook.Id}/test", null);
        test.StatusCode.ShouldBe(HttpStatusCode.Conflict);

        // Switched on again it works again.
        await service.Receiver.Answer(webhook.Name, new { status = 204 });
        using var change = await service.Operators.PatchAsJsonAsync($"/v1/webhooks/{webhook.Id}", new { status = "active" });
        change.StatusCode.ShouldBe(HttpStatusCode.OK);
        await service.Post($"/v1/webhooks/{webhook.Id}/deliveries/redeliver", new { from = DateTimeOffset.UtcNow.AddHours(-1) });
        await service.Delivery(webhook, "succeeded");
    }

    [Fact]
    public async Task An_endpoint_that_only_fails_for_too_long_is_disabled()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 500 });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        await service.Arrived(webhook);
        await service.Delivery(webhook, "pending");
        await service.Database.ExecuteAsync($"UPDATE webhooks SET failing_since = now() - interval '6 days' WHERE id = '{webhook.Id}'");
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));

        await Poll.UntilAsync(
            async () => (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("status").GetString() == "disabled", "the webhook to be disabled");
        (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("disabledReason").GetString()!.ShouldStartWith("Every attempt failed since ");
        (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries?status=pending")).GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_pause_that_the_endpoint_asks_for_is_kept()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(
            webhook.Name, new { status = 429, headers = new Dictionary<string, string> { ["retry-after"] = "2" } }, new { status = 204 });
        await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        var attempts = (await service.Delivery(webhook, "succeeded"))
            .GetProperty("attempts")
            .EnumerateArray()
            .Select(a => a.GetProperty("at").GetDateTimeOffset())
            .ToList();
        (attempts[1] - attempts[0]).TotalSeconds.ShouldBeInRange(2, 60);
    }

    [Fact]
    public async Task An_endpoint_that_keeps_failing_is_left_alone_for_a_while()
    {
        var webhook = await service.Subscribe("shop.order.*");
        await service.Receiver.Answer(webhook.Name, new { status = 500 });
        for (var i = 0; i < 20; i++)
        {
            await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7()));
        }

        await Poll.UntilAsync(
            async () => (await service.Get($"/v1/webhooks/{webhook.Id}")).GetProperty("pausedUntil").ValueKind == JsonValueKind.String, "the circuit to open");
        (await service.Receiver.Deliveries(webhook.Name)).Count.ShouldBeLessThan(20);

        await service.Receiver.Answer(webhook.Name, new { status = 204 });
        await Poll.UntilAsync(
            async () => (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries?status=succeeded")).GetProperty("items").GetArrayLength() == 20,
            "the backlog");
        var state = await service.Get($"/v1/webhooks/{webhook.Id}");
        state.GetProperty("pausedUntil").ValueKind.ShouldBe(JsonValueKind.Null);
        state.GetProperty("failingSince").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task What_a_users_event_said_is_not_delivered_after_the_erasure()
    {
        var webhook = await service.Subscribe("shop.user.*");
        await service.Receiver.Answer(
            webhook.Name, new { status = 503, headers = new Dictionary<string, string> { ["retry-after"] = "600" } }, new { status = 204 });
        var user = await service.Register();
        await service.Delivery(webhook, "pending");
        await service.Broker.Publish(new UserErased(user.UserId, DateTimeOffset.UtcNow));
        var cancelled = await Poll.UntilAsync(
            async () => (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries?status=cancelled")).GetProperty("items").EnumerateArray().ToList(),
            d => d.Count == 1, "the delivery to be cancelled");
        using var again = await service.Operators.PostAsync($"/v1/webhooks/{webhook.Id}/deliveries/{cancelled[0].GetProperty("id").GetGuid()}/redeliver", null);
        again.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await service.Get($"/v1/webhooks/{webhook.Id}/deliveries?status=pending")).GetProperty("items").EnumerateArray()
            .ShouldAllBe(d => d.GetProperty("eventType").GetString() == "shop.user.erased.v1");
    }

    [Fact]
    public async Task Statistics_tell_mails_by_template_and_webhooks_by_endpoint()
    {
        var webhook = await service.Subscribe("shop.user.registered.v1");
        await service.Receiver.Answer(webhook.Name, new { status = 500 }, new { status = 204 });
        var user = await service.Register();
        await service.MailsTo(user.Email);
        await service.Delivery(webhook, "succeeded");
        var statistics = await Poll.UntilAsync(
            async () => (await service.Get("/v1/statistics/notifications")), s => s.GetProperty("sent").GetInt64() > 0, "a mail in the statistics");
        statistics.GetProperty("byTemplate")
            .EnumerateArray()
            .ShouldContain(t => t.GetProperty("template").GetString() == "welcome" && t.GetProperty("sent").GetInt64() > 0);
        var endpoint = statistics.GetProperty("webhooks").EnumerateArray().Single(w => w.GetProperty("webhookId").GetGuid() == webhook.Id);
        endpoint.GetProperty("attempts").GetInt64().ShouldBeGreaterThanOrEqualTo(2);
        endpoint.GetProperty("successRatio").GetDouble().ShouldBeInRange(0.01, 0.99);
        endpoint.GetProperty("latencyMs").GetProperty("p99").GetDouble().ShouldBeGreaterThan(0);
    }
}
