using System.Net;
using System.Net.Http.Json;
using System.Text;
using Chassis.Testing;
using Orders.Tests.Fulfilment;

namespace Orders.Tests.Crashes;

/// <summary>kill -9 at the seams between the service and those around it; another process takes over, and what was promised holds.</summary>
public sealed class When_the_process_is_killed(CrashFixture fixture) : IClassFixture<CrashFixture>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Guid _user = OrdersFixture.NewId();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_the_commit_and_before_the_answer_the_order_is_there_once_and_the_answer_can_be_had_again()
    {
        var key = Guid.NewGuid().ToString();
        var (host, port) = fixture.Postgres;
        await using (var wire = new TcpProxy(host, port))
        using (var victim = await OrdersProcess.StartAsync(fixture, wire.Port))
        {
            using var customer = victim.ClientFor(_user);
            wire.SilenceServerAfter(Encoding.UTF8.GetBytes(key), "COMMIT"u8.ToArray());
            var unanswered = Place(customer, key);
            await Poll.UntilAsync(() => Orders(), n => n == 1, "the order to be committed", Patience);
            wire.IsSilenced.ShouldBeTrue();
            unanswered.IsCompleted.ShouldBeFalse("the process does not know of its commit");
            await victim.KillAsync();
            await Should.ThrowAsync<HttpRequestException>(unanswered);
        }

        using var next = await OrdersProcess.StartAsync(fixture);
        using var again = next.ClientFor(_user);
        using var answer = await Place(again, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        answer.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        var id = (await OrdersFixture.Json(answer))["id"]!.GetValue<Guid>();
        await EndsWell(again, next, id);
        (await Orders()).ShouldBe(1);
    }

    [Theory]
    [InlineData("confirm", "authorized")]
    [InlineData("capture", "captured")]
    public async Task After_the_provider_has_moved_the_money_and_before_our_event_it_is_not_moved_again(string operation, string movement)
    {
        Guid id;
        using (var victim = await OrdersProcess.StartAsync(fixture, settings: [("Payments:TryTimeout", "00:01:00"), ("Payments:TotalTimeout", "00:02:00")]))
        {
            using var customer = victim.ClientFor(_user);
            await fixture.Sandbox.Fault(new { kind = "late_answer", operation, delay_ms = 120_000 });
            using var placed = await Place(customer);
            id = (await OrdersFixture.Json(placed))["id"]!.GetValue<Guid>();
            await Poll.UntilAsync(async () => (await fixture.Sandbox.Movements(id)).Contains(movement), $"the provider to have {movement}", Patience);
            (await PaymentStatus(id)).ShouldNotBe(movement, "the answer is not there yet");
            await victim.KillAsync();
        }

        await fixture.Sandbox.NoFaults();
        (await PaymentStatus(id)).ShouldNotBe(movement);
        using var next = await OrdersProcess.StartAsync(fixture);
        using var again = next.ClientFor(_user);
        await EndsWell(again, next, id);
    }

    [Fact]
    public async Task After_the_publication_and_before_the_relay_notes_it_everything_is_said_again_and_has_its_effect_once()
    {
        Guid id;
        await fixture.Database.ExecuteAsync(
            """
            CREATE FUNCTION messaging.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN OLD; END $$;
            CREATE TRIGGER wait BEFORE DELETE ON messaging.outbox FOR EACH ROW EXECUTE FUNCTION messaging.wait();
            """);
        using (var victim = await OrdersProcess.StartAsync(fixture))
        {
            using var customer = victim.ClientFor(_user);
            using var placed = await Place(customer);
            id = (await OrdersFixture.Json(placed))["id"]!.GetValue<Guid>();
            await fixture.Tap.NextAsync("shop.order.submitted.v2", id.ToString(), Patience);
            await Poll.UntilAsync(
                () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"),
                n => n > 0,
                "the relay to note what it has published",
                Patience);
            await victim.KillAsync();
        }

        await fixture.Database.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
        await fixture.Database.ExecuteAsync("DROP TRIGGER wait ON messaging.outbox; DROP FUNCTION messaging.wait()");
        using var next = await OrdersProcess.StartAsync(fixture);
        using var again = next.ClientFor(_user);
        await EndsWell(again, next, id);
        await Poll.UntilAsync(() => Said(id).Length > 1, "the event to be said again", Patience);
        Said(id).Select(e => e.Headers["cloudEvents_id"]).Distinct().ShouldHaveSingleItem("a repetition is recognised by its id");
        fixture.Inventory.Received[id].Distinct().ShouldBe(["ReserveStock", "ShipOrder"]);
    }

    private TappedEvent[] Said(Guid id) => [.. fixture.Tap.Seen.Where(e => e.Type == "shop.order.submitted.v2" && e.Subject == id.ToString())];

    private static async Task<HttpResponseMessage> Place(HttpClient customer, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/orders")
        {
            Content = JsonContent.Create(new { items = new[] { new { sku = OrdersFixture.Lamp, quantity = 2 } }, submit = OrdersFixture.Submission }),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await customer.SendAsync(request, Cancelled);
    }

    /// <summary>One history to one end, money moved once, books balanced, nothing left to say and nothing that nobody could handle.</summary>
    private async Task EndsWell(HttpClient customer, OrdersProcess process, Guid id)
    {
        var story = await FulfilmentFixture.Story(customer, id, "completed", Patience);
        FulfilmentFixture.Steps(story).ShouldBe(
        [
            "reservingStock: reserved", "authorizingPayment: authorized", "confirming: confirmed", "shipping: dispatched", "recordingShipment: recorded",
            "capturingPayment: captured", "completing: completed",
        ]);
        (await OrdersFixture.Get(customer, id))["version"]!.GetValue<long>().ShouldBe(6);
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "captured"]);
        using var @operator = process.ClientFor(OrdersFixture.NewId(), @operator: true);
        var books = (await FulfilmentFixture.Read(@operator, "/v1/ops/payments/reconciliation"))!;
        books["differences"]!.AsArray().ShouldBeEmpty();
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE due_at <= now()"), n => n == 0, "an empty outbox", Patience);
        (await FulfilmentFixture.Read(@operator, "/v1/ops/dead-letters"))!["items"]!.AsArray().ShouldBeEmpty();
    }

    private Task<long> Orders() => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE user_id = '{_user}'");

    private Task<string> PaymentStatus(Guid order) => fixture.Database.ScalarAsync<string>($"SELECT status FROM payments WHERE order_id = '{order}'");
}
