using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orders.Domain;

namespace Orders.Tests.Fulfilment;

/// <summary>What metrics say of orders, while nobody else orders: each is counted once, when it is committed, under one of few words.</summary>
public sealed class What_is_measured(What_is_measured.Alone fixture) : IClassFixture<What_is_measured.Alone>
{
    private readonly string _tenant = $"north-{Guid.CreateVersion7():n}";

    [Fact]
    public async Task Is_every_end_with_its_reason_and_how_long_it_took()
    {
        using var heard = new Measurements();
        var user = OrdersFixture.NewId();
        await fixture.UserIs(user, "active");
        using var customer = fixture.ClientFor(user, tenant: _tenant);
        var shipped = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, shipped, "completed");
        await FulfilmentFixture.Story(customer, await FulfilmentFixture.Place(customer, "pm_card_declined"), "failed");
        await FulfilmentFixture.Story(customer, await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.SoldOut), "failed");
        var recalled = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, recalled, "shipping");
        await Cancel(customer, recalled, "I, Ada Lovelace, have changed my mind");
        await FulfilmentFixture.Story(customer, recalled, "cancelled");
        await Cancel(customer, await OrdersFixture.Draft(customer), "a draft is no order");
        var left = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, left, "shipping");
        await fixture.UserIs(user, "deactivated");
        await FulfilmentFixture.Story(customer, left, "cancelled");

        await Poll.UntilAsync(
            () => Task.FromResult(heard.Of(fixture.Services, "shop.orders.duration").Count), n => n >= 5, "five orders to have ended");
        Counted(heard, "shop.orders.submitted").ShouldBe([($"tenant={_tenant}", 5)]);
        Counted(heard, "shop.orders.completed").ShouldBe([($"tenant={_tenant}", 1)]);
        Counted(heard, "shop.orders.failed").ShouldBe(
            [($"reason=out_of_stock tenant={_tenant}", 1), ($"reason=payment_declined tenant={_tenant}", 1)], ignoreOrder: true);
        Counted(heard, "shop.orders.cancelled").ShouldBe(
            [($"reason=requested tenant={_tenant}", 1), ($"reason=user_deactivated tenant={_tenant}", 1)], ignoreOrder: true);

        var ends = heard.Of(fixture.Services, "shop.orders.duration");
        ends.Select(e => e.Labels).Order().ShouldBe(["outcome=cancelled", "outcome=cancelled", "outcome=completed", "outcome=failed", "outcome=failed"]);
        var took = await fixture.Database.ScalarAsync<double>(
            $"SELECT extract(epoch FROM max(occurred_at) - min(occurred_at))::float8 FROM event_store.events WHERE stream_id = '{shipped}'");
        ends.Single(e => e.Labels == "outcome=completed").Value.ShouldBe(took, 0.05);

        var steps = heard.Of(fixture.Services, "shop.orders.step.duration").GroupBy(s => s.Labels).Select(g => (g.Key, g.Count()));
        steps.ShouldBe(
            [
                ("state=ReservingStock", 5), ("state=AuthorizingPayment", 4), ("state=Shipping", 3), ("state=CapturingPayment", 1),
                ("state=ReleasingStock", 3), ("state=RecallingShipment", 2), ("state=VoidingPayment", 2),
            ],
            ignoreOrder: true);
        heard.Of(fixture.Services, "shop.copies.lag").ShouldAllBe(lag => lag.Labels == "copy=users" && lag.Value >= 0);
    }

    [Fact]
    public async Task Is_counted_once_though_its_commit_was_tried_three_times()
    {
        using var heard = new Measurements();
        await fixture.Database.ExecuteAsync(
            """
            CREATE SEQUENCE conflicts;
            CREATE FUNCTION conflict() RETURNS trigger AS $$
            BEGIN
                IF NEW.finished_at IS NOT NULL AND nextval('conflicts') < 3 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END IF;
                RETURN NEW;
            END $$ LANGUAGE plpgsql SECURITY DEFINER;
            CREATE TRIGGER conflict BEFORE UPDATE ON fulfilments FOR EACH ROW EXECUTE FUNCTION conflict();
            """);
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _tenant);
        await FulfilmentFixture.Story(customer, await FulfilmentFixture.Place(customer, "pm_card_visa"), "completed");
        (await fixture.Database.ScalarAsync<long>("SELECT last_value FROM conflicts")).ShouldBe(3, "two tries were thrown away");
        await fixture.Database.ExecuteAsync("DROP TRIGGER conflict ON fulfilments; DROP FUNCTION conflict; DROP SEQUENCE conflicts");

        await Poll.UntilAsync(() => Task.FromResult(Counted(heard, "shop.orders.completed")), completed => completed.Count > 0, "the order to be counted");
        Counted(heard, "shop.orders.completed").ShouldBe([($"tenant={_tenant}", 1)]);
        heard.Of(fixture.Services, "shop.orders.duration").Count.ShouldBe(1);
        heard.Of(fixture.Services, "shop.orders.step.duration").Count(s => s.Labels == "state=CapturingPayment").ShouldBe(1);
    }

    [Fact]
    public void Has_fifty_tenants_at_most_and_one_name_for_the_others()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var heard = new Measurements();
        using var metrics = new OrderMetrics(services.GetRequiredService<IMeterFactory>());
        var id = Guid.CreateVersion7();
        for (var i = 0; i < 60; i++)
        {
            var state = new OrderState { Id = id, UserId = id, Currency = "EUR", CreatedAt = DateTimeOffset.UnixEpoch };
            metrics.Happened(
                [new OrderSubmitted(id, id, [], new Money(1, "EUR"), "pm_card_visa", null, DateTimeOffset.UnixEpoch)],
                new VersionedOrder(state, 1, $"tenant-{i:00}"));
        }

        var counted = heard.Counted(services, "shop.orders.submitted");
        counted.Count.ShouldBe(51);
        counted["tenant=tenant-49"].ShouldBe(1);
        counted["tenant=other"].ShouldBe(10);
    }

    [Fact]
    public async Task Starts_at_zero_for_every_label_that_is_known()
    {
        using var heard = new Measurements();
        await using var replica = await fixture.StartReplicaAsync();

        heard.Counted(replica.Services, "shop.orders.submitted").ShouldBe(new Dictionary<string, double> { ["tenant="] = 0 });
        heard.Counted(replica.Services, "shop.orders.completed").ShouldBe(new Dictionary<string, double> { ["tenant="] = 0 });
        heard.Counted(replica.Services, "shop.orders.failed").Keys.Order().ShouldBe(
            ["reason=out_of_stock tenant=", "reason=payment_declined tenant=", "reason=timed_out tenant="]);
        heard.Counted(replica.Services, "shop.orders.cancelled").Keys.Order().ShouldBe(
            ["reason=requested tenant=", "reason=user_deactivated tenant=", "reason=user_erased tenant="]);
        heard.Counted(replica.Services, "shop.payments.outcomes").Count.ShouldBe(20);
        heard.Counted(replica.Services, "messaging.dead_letters.added").ShouldContainKeyAndValue("messaging.destination.name=orders.fulfilment", 0);
        heard.Counted(replica.Services, "messaging.inbox.duplicates").Keys.ShouldContain("messaging.destination.name=orders.payments.calls");
    }

    private List<(string Labels, double Count)> Counted(Measurements heard, string counter) =>
        [.. heard.Counted(fixture.Services, counter).Where(c => c.Value > 0).Select(c => (c.Key, c.Value))];

    private static async Task Cancel(HttpClient customer, Guid order, string reason)
    {
        using var cancelled = await customer.PostAsJsonAsync($"/v1/orders/{order}/cancel", new { reason });
        cancelled.StatusCode.ShouldBe(HttpStatusCode.Accepted);
    }

    public sealed class Alone : FulfilmentFixture;
}
