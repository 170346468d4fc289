using System.Net.Http.Json;
using Chassis.Testing;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// The units that an order is made of in this service: each is paid for by every order, and nobody adds one unseen. Counted is what belongs to the order's
/// trace; what the relay, the clean-up and the gauges do for many orders at once does not.
/// </summary>
public sealed class What_an_order_costs(What_an_order_costs.Unhurried fixture) : IClassFixture<What_an_order_costs.Unhurried>
{
    [Fact]
    public async Task That_ships()
    {
        using var meter = new CostMeter();
        var (customer, id) = await Place(meter, "pm_card_visa");
        await FulfilmentFixture.Story(customer, id, "completed");

        // Placed: order, saga, ReserveStock. Reserved: saga, payment, the call. Made at the provider: its reference. Authorized: payment, saga, confirmed,
        // ShipOrder. Dispatched: saga, shipped, the call. Captured: payment, saga, completed.
        await Costs(meter, id, commits: 6, roundTrips: 45, statements: 59, events: 7, commands: 2, deliveries: 2);
    }

    [Fact]
    public async Task Whose_card_is_declined()
    {
        using var meter = new CostMeter();
        var (customer, id) = await Place(meter, "pm_card_declined");
        await FulfilmentFixture.Story(customer, id, "failed");

        // Placed. Reserved. Made at the provider. Declined: payment, saga, ReleaseStock. Released: saga, failed.
        await Costs(meter, id, commits: 5, roundTrips: 31, statements: 40, events: 4, commands: 2, deliveries: 2);
    }

    [Fact]
    public async Task That_is_cancelled_while_it_waits_for_its_dispatch()
    {
        using var meter = new CostMeter();
        var (customer, id) = await Place(meter, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, id, "shipping");
        customer.DefaultRequestHeaders.Add("traceparent", meter.Parent);
        using var cancelled = await customer.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "changed my mind" });
        customer.DefaultRequestHeaders.Remove("traceparent");
        await FulfilmentFixture.Story(customer, id, "cancelled");

        // Placed. Reserved. Made at the provider. Authorized. The wish. Told to the saga: ReleaseStock. Released: saga, the call. Voided: payment, saga,
        // ReleaseStock. Released: saga, cancelled.
        await Costs(meter, id, commits: 9, roundTrips: 56, statements: 75, events: 6, commands: 4, deliveries: 3);
    }

    /// <param name="meter">What was heard.</param>
    /// <param name="order">The order.</param>
    /// <param name="commits">Of transactions that wait for the disk.</param>
    /// <param name="roundTrips">To the database; several statements in one batch are one.</param>
    /// <param name="statements">In those.</param>
    /// <param name="events">Boundary events published.</param>
    /// <param name="commands">Commands to inventory.</param>
    /// <param name="deliveries">Over the broker, to this service.</param>
    private async Task Costs(CostMeter meter, Guid order, int commits, int roundTrips, int statements, long events, int commands, int deliveries)
    {
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE NOT scheduled"), n => n == 0, "an empty outbox");
        await meter.HeardAsync(commits, roundTrips);
        var published = await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM messaging.boundary_events WHERE subject = '{order}' OR data ->> 'orderId' = '{order}'");
        (meter.Commits, meter.RoundTrips, meter.Statements, published, fixture.Inventory.Received[order].Count, meter.Beginning("INSERT INTO messaging.inbox"))
            .ShouldBe(
                (commits, roundTrips, statements, events, commands, deliveries),
                $"commits, round trips, statements, events, commands, deliveries; the round trips:\n{meter}");
    }

    private async Task<(HttpClient Customer, Guid Id)> Place(CostMeter meter, string card, int lamps = 2)
    {
        var customer = fixture.Customer();
        customer.DefaultRequestHeaders.Add("traceparent", meter.Parent);
        var id = await FulfilmentFixture.Place(customer, card, lamps);
        customer.DefaultRequestHeaders.Remove("traceparent");
        return (customer, id);
    }

    /// <summary>On a machine however busy nothing is tried or taken over again.</summary>
    public sealed class Unhurried : FulfilmentFixture
    {
        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Messaging:Lease"] = "00:10:00";
            settings["Payments:TryTimeout"] = "00:01:00";
            settings["Payments:TotalTimeout"] = "00:02:00";
        }
    }
}
