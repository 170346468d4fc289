using System.Net.Http.Json;
using System.Text.Json;
using Inventory.Features;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>The commands of the saga and their answers, over the broker.</summary>
public sealed class ReservationTests(InventoryFixture inventory)
{
    internal static readonly ShipTo Address = new("Ada Lovelace", "Main Street 1", "Berlin", "10115", "DE");

    private readonly Guid _order = Guid.CreateVersion7();

    [Fact]
    public async Task A_reserved_order_ships_once()
    {
        var sku = await inventory.StockedAsync(5);

        await inventory.Commands.Send(new ReserveStock(_order, [new SkuQuantity(sku, 2)]));
        var reserved = (await inventory.Events.WaitForAnswers(_order, 1))[0];
        reserved.Type.ShouldBe("shop.stock.reserved.v1");
        reserved.Subject.ShouldBe(_order.ToString());
        reserved.Data.GetProperty("items").GetRawText().ShouldBe($$"""[{"sku":"{{sku}}","quantity":2}]""");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 5, Reserved: 2, Available: 3, Shipped: 0));

        await inventory.Commands.Send(new ShipOrder(_order, Address));
        var dispatched = (await inventory.Events.WaitForAnswers(_order, 2))[1];
        dispatched.Type.ShouldBe("shop.shipment.dispatched.v1");
        dispatched.Data.GetProperty("carrier").GetString().ShouldBe("Parcel Express");
        dispatched.Data.GetProperty("trackingNumber").GetString()!.ShouldStartWith("PX");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 3, Reserved: 0, Available: 3, Shipped: 2));

        await inventory.Commands.Send(new ShipOrder(_order, Address));
        await inventory.Commands.Send(new ReleaseStock(_order, "too late"));
        var answers = await inventory.Events.WaitForAnswers(_order, 4);
        answers.Skip(1).Select(a => (a.Type, a.Subject)).Distinct().ShouldHaveSingleItem("what is shipped is answered with the same shipment");
        (await inventory.StockAsync(sku)).Shipped.ShouldBe(2);
        (await inventory.MovementsAsync(sku)).Select(m => m.GetProperty("kind").GetString()).ShouldBe(["receipt", "reservation", "shipment"]);
    }

    [Fact]
    public async Task An_order_gets_everything_or_nothing_and_hears_what_is_short()
    {
        var (plenty, scarce, none) = (await inventory.StockedAsync(100), await inventory.StockedAsync(1), await inventory.StockedAsync(0));

        await inventory.Commands.Send(new ReserveStock(_order, [new(plenty, 5), new(scarce, 2), new(none, 1)]));

        var failed = (await inventory.Events.WaitForAnswers(_order, 1))[0];
        failed.Type.ShouldBe("shop.stock.reservation-failed.v1");
        failed.Data.GetProperty("reason").GetString().ShouldBe($"{scarce} (2 wanted, 1 available), {none} (1 wanted, 0 available)");
        failed.Data.GetProperty("shortages").EnumerateArray().Select(
            s => (s.GetProperty("sku").GetString(), s.GetProperty("requested").GetInt32(), s.GetProperty("available").GetInt32()))
            .ShouldBe([(scarce, 2, 1), (none, 1, 0)]);
        (await inventory.StockAsync(plenty)).Reserved.ShouldBe(0);
        (await inventory.MovementsAsync(plenty)).Count.ShouldBe(1, "a refused order leaves no line in the ledger");

        var reservation = await Reservation();
        reservation.GetProperty("status").GetString().ShouldBe("failed");
        reservation.GetProperty("lines").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task Duplicates_of_a_reservation_reserve_once_and_are_answered_the_same()
    {
        var sku = await inventory.StockedAsync(10);
        var message = Guid.CreateVersion7();

        // The same message again, and the same command as another message.
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 4)]), message);
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 4)]), message);
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 4)]));

        var answers = await inventory.Events.WaitForAnswers(_order, 2);
        answers.Select(a => a.Data.GetRawText()).Distinct().ShouldHaveSingleItem();
        (await inventory.StockAsync(sku)).Reserved.ShouldBe(4);
    }

    [Fact]
    public async Task A_refusal_stays_a_refusal_after_stock_came_in()
    {
        var sku = await inventory.StockedAsync(1);
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 2)]));
        await inventory.Events.WaitForAnswers(_order, 1);
        await inventory.Client.PostAsJsonAsync($"/v1/products/{sku}/receipts", new { quantity = 10, reference = "late" });

        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 2)]));

        var answers = await inventory.Events.WaitForAnswers(_order, 2);
        answers.Select(a => a.Data.GetRawText()).Distinct().ShouldHaveSingleItem();
        (await inventory.StockAsync(sku)).Reserved.ShouldBe(0);
    }

    [Fact]
    public async Task A_release_before_the_reservation_makes_the_late_reservation_fail()
    {
        var sku = await inventory.StockedAsync(10);

        await inventory.Commands.Send(new ReleaseStock(_order, "cancelled"));
        var released = (await inventory.Events.WaitForAnswers(_order, 1))[0];
        released.Type.ShouldBe("shop.stock.released.v1");
        released.Data.GetProperty("items").GetArrayLength().ShouldBe(0);

        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 4)]));
        var refused = (await inventory.Events.WaitForAnswers(_order, 2))[1];
        refused.Type.ShouldBe("shop.stock.reservation-failed.v1");
        refused.Data.GetProperty("shortages").GetArrayLength().ShouldBe(0);
        (await inventory.StockAsync(sku)).Reserved.ShouldBe(0);
    }

    [Fact]
    public async Task A_release_gives_everything_back_and_repeats_are_answered_the_same()
    {
        var (a, b) = (await inventory.StockedAsync(3), await inventory.StockedAsync(3));
        await inventory.Commands.Send(new ReserveStock(_order, [new(a, 1), new(b, 3)]));
        await inventory.Events.WaitForAnswers(_order, 1);

        await inventory.Commands.Send(new ReleaseStock(_order, "payment declined"));
        await inventory.Events.WaitForAnswers(_order, 2);
        await inventory.Commands.Send(new ReleaseStock(_order, "another reason"));

        var released = (await inventory.Events.WaitForAnswers(_order, 3)).Skip(1).ToList();
        released.Select(r => r.Data.GetRawText()).Distinct().ShouldHaveSingleItem();
        released[0].Data.GetProperty("reason").GetString().ShouldBe("payment declined");
        released[0].Data.GetProperty("items").GetArrayLength().ShouldBe(2);
        (await inventory.StockAsync(b)).ShouldBe(new StockView(b, OnHand: 3, Reserved: 0, Available: 3, Shipped: 0));
        (await Reservation()).GetProperty("status").GetString().ShouldBe("released");
    }

    [Fact]
    public async Task Shipping_what_is_not_reserved_is_answered_with_released_and_closes_the_order()
    {
        var sku = await inventory.StockedAsync(3);

        await inventory.Commands.Send(new ShipOrder(_order, Address));
        (await inventory.Events.WaitForAnswers(_order, 1))[0].Type.ShouldBe("shop.stock.released.v1");
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 1)]));

        (await inventory.Events.WaitForAnswers(_order, 2))[1].Type.ShouldBe("shop.stock.reservation-failed.v1");
        (await inventory.StockAsync(sku)).Reserved.ShouldBe(0);
    }

    [Fact]
    public async Task Shared_parts_of_nested_recipes_are_reserved_together()
    {
        var screw = await inventory.StockedAsync(20);
        var drawer = await inventory.AddAsync(InventoryFixture.NewSku("DRAWER"), [(screw, 4)]);
        var desk = await inventory.AddAsync(InventoryFixture.NewSku("DESK"), [(drawer, 2), (screw, 2)]);

        await inventory.Commands.Send(new ReserveStock(_order, [new(desk, 1), new(drawer, 1), new(screw, 3), new(desk, 0x1)]));

        var failed = (await inventory.Events.WaitForAnswers(_order, 1))[0];
        failed.Data.GetProperty("reason").GetString().ShouldBe($"{screw} (27 wanted, 20 available)", "two desks, a drawer and three screws");

        var second = Guid.CreateVersion7();
        await inventory.Commands.Send(new ReserveStock(second, [new(desk, 1), new(drawer, 1), new(screw, 3)]));
        (await inventory.Events.WaitForAnswers(second, 1))[0].Data.GetProperty("items").GetRawText().ShouldBe($$"""[{"sku":"{{screw}}","quantity":17}]""");
    }

    [Theory]
    [InlineData("NO-SUCH", 1, "There is no product NO-SUCH.")]
    [InlineData("NO-SUCH", 0, "The quantity 0 of NO-SUCH is not between 1 and 1000000.")]
    [InlineData("NO-SUCH", 2_000_000_000, "The quantity 2000000000 of NO-SUCH is not between 1 and 1000000.")]
    public async Task An_impossible_order_is_refused_with_the_reason(string sku, int quantity, string reason)
    {
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, quantity)]));

        var failed = (await inventory.Events.WaitForAnswers(_order, 1))[0];
        failed.Type.ShouldBe("shop.stock.reservation-failed.v1");
        failed.Data.GetProperty("reason").GetString().ShouldBe(reason);
    }

    [Fact]
    public async Task An_order_placed_before_the_product_was_discontinued_is_fulfilled()
    {
        var sku = await inventory.StockedAsync(3);
        await inventory.Client.DeleteAsync($"/v1/products/{sku}");

        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 3)]));

        (await inventory.Events.WaitForAnswers(_order, 1))[0].Type.ShouldBe("shop.stock.reserved.v1");
    }

    [Fact]
    public async Task Low_stock_is_told_once_per_crossing()
    {
        var sku = await inventory.StockedAsync(10, reorderPoint: 7);
        var orders = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToList();
        foreach (var id in orders)
        {
            await inventory.Commands.Send(new ReserveStock(id, [new(sku, 1)]));
            await inventory.Events.WaitForAnswers(id, 1);
        }

        var low = (await inventory.Events.WaitFor("shop.stock.low.v1", sku)).ShouldHaveSingleItem("five orders, one crossing");
        low.Data.GetProperty("available").GetInt32().ShouldBe(7);
        low.Data.GetProperty("reorderPoint").GetInt32().ShouldBe(7);

        // Up again over the point by a receipt, and down by an adjustment: the second crossing.
        await inventory.Client.PostAsJsonAsync($"/v1/products/{sku}/receipts", new { quantity = 5, reference = "refill" });
        await inventory.Client.PostAsJsonAsync($"/v1/products/{sku}/adjustments", new { quantity = -4, reason = "broken" });
        (await inventory.Events.WaitFor("shop.stock.low.v1", sku, 2)).Count.ShouldBe(2);
    }

    private Task<JsonElement> Reservation() => inventory.Client.GetFromJsonAsync<JsonElement>($"/v1/reservations/{_order}");
}
