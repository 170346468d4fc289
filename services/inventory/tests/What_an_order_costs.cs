using Chassis.Testing;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>The units that an order is made of in this service, while nobody else orders: together with others it costs less.</summary>
public sealed class What_an_order_costs(InventoryFixture inventory)
{
    [Fact]
    public async Task That_is_reserved_and_ships()
    {
        var (sku, first, order) = (await inventory.StockedAsync(10), Guid.CreateVersion7(), Guid.CreateVersion7());

        // Of what a product consists is remembered from the first order of it.
        await inventory.Commands.Send(new ReserveStock(first, [new SkuQuantity(sku, 2)]));
        await inventory.Events.WaitFor("shop.stock.reserved.v1", first.ToString());
        using (var meter = new CostMeter())
        {
            await inventory.Commands.Send(new ReserveStock(order, [new SkuQuantity(sku, 2)]), trace: meter.Parent);
            await inventory.Events.WaitFor("shop.stock.reserved.v1", order.ToString());

            await Costs(meter, commits: 1, roundTrips: 3, statements: 7);
        }

        using (var meter = new CostMeter())
        {
            await inventory.Commands.Send(new ShipOrder(order, ReservationTests.Address, Guid.CreateVersion7()), trace: meter.Parent);
            await inventory.Events.WaitForAnswers(order, 2);

            await Costs(meter, commits: 1, roundTrips: 7, statements: 9);
        }
    }

    private static async Task Costs(CostMeter meter, int commits, int roundTrips, int statements)
    {
        await meter.HeardAsync(commits, roundTrips);
        (meter.Commits, meter.RoundTrips, meter.Statements).ShouldBe(
            (commits, roundTrips, statements), $"commits, round trips, statements; the round trips:\n{meter}");
    }
}
