using Inventory.Domain;

namespace Inventory.Tests.Domain;

public sealed class ReservationPlanTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TimeSpan ADay = TimeSpan.FromDays(1);

    [Fact]
    public void Sets_everything_aside_and_counts_it_once_for_the_order_after_it()
    {
        var plan = Plan([new("TABLE", 2), new("LEG", 1)], ("TABLE", [new("LEG", 4), new("TOP", 1)]), ("LEG", [new("LEG", 1)]));
        var (reservation, after) = plan.Decide(Stock(("LEG", 10), ("TOP", 2)), Now, ADay);

        reservation.Status.ShouldBe(ReservationStatus.Reserved);
        reservation.Items.ShouldBe([new SkuQuantity("TABLE", 2), new SkuQuantity("LEG", 1)]);
        reservation.Lines.ShouldBe([new SkuQuantity("LEG", 9), new SkuQuantity("TOP", 2)]);
        reservation.HasRecipes.ShouldBeTrue();
        reservation.ExpiresAt.ShouldBe(Now + ADay);
        after.Select(f => (f.Sku, f.Available, f.Version)).ShouldBe([("LEG", 1, 2), ("TOP", 0, 2)]);
    }

    [Fact]
    public void Sets_nothing_aside_when_one_part_is_short_and_says_of_what()
    {
        var (reservation, after) = Plan([new("A", 1), new("B", 3)], Itself("A"), Itself("B")).Decide(Stock(("A", 5), ("B", 2)), Now, ADay);

        after.ShouldBeEmpty();
        reservation.Status.ShouldBe(ReservationStatus.Failed);
        reservation.Lines.ShouldBeEmpty();
        reservation.Shortages.ShouldBe([new Shortage("B", 3, 2)]);
        reservation.Reason.ShouldBe("B (3 wanted, 2 available)");
        (reservation.ExpiresAt, reservation.EndedAt).ShouldBe((null, Now));
    }

    [Fact]
    public void Names_five_shortages_and_counts_the_rest()
    {
        string[] skus = ["A", "B", "C", "D", "E", "F", "G"];
        var (reservation, _) = Plan([.. skus.Select(s => new SkuQuantity(s, 1))], [.. skus.Select(Itself)]).Decide(
            Stock([.. skus.Select(s => (s, 0))]), Now, ADay);

        reservation.Shortages!.Count.ShouldBe(7);
        reservation.Reason.ShouldEndWith("E (1 wanted, 0 available) and 2 more");
    }

    [Theory]
    [InlineData("A", 0, "The quantity 0 of A is not between 1 and 1000000.")]
    [InlineData("A", 1_000_001, "The quantity 1000001 of A is not between 1 and 1000000.")]
    [InlineData("NOTHING", 1, "There is no product NOTHING.")]
    [InlineData("MANY", 1_000_000, "The order needs 1000000000000 pieces of PART.")]
    public void Refuses_what_makes_no_sense(string sku, int quantity, string reason)
    {
        var (reservation, after) = Plan([new(sku, quantity)], Itself("A"), ("MANY", [new("PART", 1_000_000)])).Decide(Stock(("A", 5)), Now, ADay);

        after.ShouldBeEmpty();
        reservation.Status.ShouldBe(ReservationStatus.Failed);
        reservation.Reason.ShouldBe(reason);
        reservation.Items.ShouldBeEmpty();
    }

    [Fact]
    public void Is_over_when_its_pieces_leave_or_are_given_back()
    {
        var (shipped, _) = Plan([new("A", 1)], Itself("A")).Decide(Stock(("A", 1)), Now, ADay);
        shipped.Claim();
        (shipped.Status, shipped.ExpiresAt, shipped.IsHeld).ShouldBe((ReservationStatus.Shipping, null, true));
        shipped.Ship(Now + ADay);
        (shipped.Status, shipped.EndedAt, shipped.IsHeld, shipped.Version).ShouldBe((ReservationStatus.Shipped, Now + ADay, false, 3));

        var (released, _) = Plan([new("A", 1)], Itself("A")).Decide(Stock(("A", 1)), Now, ADay);
        released.Release("nobody wants it", Now + ADay);
        (released.Status, released.Reason, released.ExpiresAt, released.IsHeld).ShouldBe((ReservationStatus.Released, "nobody wants it", null, false));
    }

    private static ReservationPlan Plan(IReadOnlyList<SkuQuantity> items, params (string Sku, IReadOnlyList<SkuQuantity> Parts)[] products) =>
        ReservationPlan.Of(Guid.CreateVersion7(), "north", items, products.ToDictionary(p => p.Sku, p => p.Parts));

    private static (string, IReadOnlyList<SkuQuantity>) Itself(string sku) => (sku, [new SkuQuantity(sku, 1)]);

    private static Dictionary<string, StockFigures> Stock(params (string Sku, int OnHand)[] stock) =>
        stock.ToDictionary(s => s.Sku, s => new StockFigures(s.Sku, 1, s.OnHand, 0, 0, null));
}
