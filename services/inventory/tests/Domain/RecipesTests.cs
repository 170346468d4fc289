using Inventory.Domain;


namespace Inventory.Tests.Domain;

public sealed class RecipesTests
{
    [Fact]
    public void A_product_without_recipe_is_its_own_part() =>
        Recipes.Expand("LAMP", [], Unexpected, out _).ShouldBe([new SkuQuantity("LAMP", 1)]);

    [Fact]
    public void Nested_recipes_multiply_and_shared_parts_add_up()
    {
        // A desk takes 2 drawers of 4 screws each, and 10 screws of its own.
        var parts = Recipes.Expand("DESK", [new("DRAWER", 2), new("SCREW", 10), new("TOP", 1)], Known(
            ("DRAWER", [new("FRONT", 1), new("SCREW", 4)]),
            ("SCREW", [new("SCREW", 1)]),
            ("TOP", [new("TOP", 1)])), out var problem);

        problem.ShouldBeNull();
        parts.ShouldBe([new("FRONT", 2), new("SCREW", 18), new("TOP", 1)]);
    }

    [Fact]
    public void Parts_are_in_the_order_of_their_bytes_whatever_the_culture_says() =>
        Recipes.Expand("SET", [new("b", 1), new("a", 1), new("B", 1), new("A-1", 1), new("A1", 1)], sku => [new(sku, 1)], out _)
            .Select(p => p.Sku).ShouldBe(["A-1", "A1", "B", "a", "b"]);

    [Fact]
    public void A_recipe_that_needs_an_absurd_number_of_a_part_is_refused()
    {
        Recipes.Expand("PALLET", [new("BOX", 2_000)], Known(("BOX", [new("NAIL", 1_000)])), out var problem).ShouldBeEmpty();

        problem.ShouldBe("The recipe needs 2000000 pieces of NAIL; 1000000 are allowed.");
    }

    [Fact]
    public void A_recipe_that_expands_to_too_many_parts_is_refused()
    {
        Recipes.Expand("ALL", [new("A", 1), new("B", 1)], sku => [.. Enumerable.Range(0, 300).Select(i => new SkuQuantity($"{sku}-{i}", 1))], out var problem)
            .ShouldBeEmpty();

        problem.ShouldBe("The recipe expands to 600 parts; 500 are allowed.");
    }

    [Fact]
    public void Sums_that_overflow_stay_at_the_largest_number() =>
        Recipes.Sum([("A", long.MaxValue), ("A", 5), ("B", 1)]).ShouldBe([("A", long.MaxValue), ("B", 1L)]);

    [Fact]
    public void Components_come_before_what_is_made_of_them()
    {
        var order = Recipes.TopologicalOrder(Rows(("DESK", ["DRAWER", "TOP"]), ("DRAWER", ["FRONT", "ELSEWHERE"]), ("TOP", []), ("FRONT", [])), out var cycles);

        cycles.ShouldBeEmpty();
        order.ShouldBe(["FRONT", "DRAWER", "TOP", "DESK"]);
    }

    [Fact]
    public void Each_product_of_a_cycle_is_told_its_way_round()
    {
        Recipes.TopologicalOrder(Rows(("A", ["B"]), ("B", ["C"]), ("C", ["A"]), ("D", ["A"]), ("E", [])), out var cycles);

        cycles.ShouldBe(
            new Dictionary<string, string> { ["A"] = "A → B → C → A", ["B"] = "B → C → A → B", ["C"] = "C → A → B → C" }, ignoreOrder: true);
    }

    [Fact]
    public void A_product_made_of_itself_is_a_cycle()
    {
        Recipes.TopologicalOrder(Rows(("A", ["A"])), out var cycles);

        cycles["A"].ShouldBe("A → A");
    }

    [Fact]
    public void A_chain_of_any_length_does_not_overflow_the_stack()
    {
        const int length = 100_000;
        var rows = Enumerable.Range(0, length).ToDictionary(i => $"P{i}", IReadOnlyList<string> (i) => i == 0 ? [] : [$"P{i - 1}"]);

        Recipes.TopologicalOrder(rows.Reverse().ToDictionary(), out var cycles).Count.ShouldBe(length);
        cycles.ShouldBeEmpty();
    }

    private static IReadOnlyList<SkuQuantity> Unexpected(string sku) => throw new InvalidOperationException($"{sku} should not be looked up.");

    private static Func<string, IReadOnlyList<SkuQuantity>> Known(params (string Sku, IReadOnlyList<SkuQuantity> Parts)[] known) =>
        sku => known.Single(k => k.Sku == sku).Parts;

    private static Dictionary<string, IReadOnlyList<string>> Rows(params (string Sku, IReadOnlyList<string> Components)[] rows) =>
        rows.ToDictionary(r => r.Sku, r => r.Components);
}
