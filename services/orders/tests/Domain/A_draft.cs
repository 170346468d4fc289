using Orders.Domain;

namespace Orders.Tests.Domain;

public sealed class A_draft : Specification
{
    [Fact]
    public void Begins_empty() =>
        Given().When(new Draft(OrderId, UserId, "EUR", Now)).Then(Drafted).Lines.ShouldBeEmpty();

    [Fact]
    public void Is_made_once() =>
        Given(Drafted).When(new Draft(OrderId, UserId, "EUR", Now)).ThenRefused(OrderErrors.AlreadyExists);

    [Fact]
    public void Takes_items_and_adds_them_up_exactly()
    {
        var order = Given(Drafted, Added(Lamp, 3)).When(new AddItem(Desk, 1, Now)).Then(Added(Desk));

        order.Lines.ShouldBe([Line(Lamp, 3), Line(Desk, 1)]);
        order.Total.ShouldBe(Eur(308.97m));
    }

    [Fact]
    public void Keeps_one_line_per_sku_at_the_newest_price()
    {
        var dearer = Lamp with { UnitPrice = Eur(21m) };

        Given(Drafted, Added(Lamp, 2)).When(new AddItem(dearer, 1, Now)).Then(Added(dearer)).Lines.ShouldBe([Line(dearer, 3)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(10_001)]
    [InlineData(int.MaxValue)]
    public void Takes_1_to_10000_pieces_of_a_product(int quantity) =>
        Given(Drafted).When(new AddItem(Lamp, quantity, Now)).ThenRefused(OrderErrors.QuantityOutOfRange);

    [Fact]
    public void Holds_that_limit_over_several_additions()
    {
        Given(Drafted, Added(Lamp, 9_999)).When(new AddItem(Lamp, 1, Now)).Then(Added(Lamp));
        Given(Drafted, Added(Lamp, 9_999)).When(new AddItem(Lamp, 2, Now)).ThenRefused(OrderErrors.QuantityOutOfRange);
    }

    [Fact]
    public void Has_at_most_100_lines()
    {
        OrderEvent[] full = [Drafted, .. Enumerable.Range(0, 100).Select(i => Added(Lamp with { Sku = $"LAMP-{i}" }))];

        Given(full).When(new AddItem(Desk, 1, Now)).ThenRefused(OrderErrors.TooManyLines);
        Given(full).When(new AddItem(Lamp with { Sku = "LAMP-7" }, 1, Now)).Then(Added(Lamp with { Sku = "LAMP-7" }));
    }

    [Fact]
    public void Is_in_one_currency() =>
        Given(Drafted).When(new AddItem(Lamp with { UnitPrice = new Money(20m, "USD") }, 1, Now)).ThenRefused(OrderErrors.CurrencyMismatch);

    [Fact]
    public void Gives_items_back()
    {
        Given(Drafted, Added(Lamp), Added(Desk)).When(new RemoveItem("LAMP", Now)).Then(new ItemRemoved(OrderId, "LAMP", Now)).Lines.ShouldBe([Line(Desk, 1)]);
        Given(ADraft).When(new RemoveItem("DESK", Now)).ThenRefused(OrderErrors.NoSuchItem);
    }

    [Fact]
    public void Is_submitted_at_the_prices_and_names_of_that_moment()
    {
        var dearer = Lamp with { Name = "Lamp, brass", UnitPrice = Eur(25.50m) };

        var order = Given(ADraft).When(SubmitWith(dearer))
            .Then(new OrderSubmitted(OrderId, UserId, [Line(dearer, 2)], Eur(51.00m), "pm_card_visa", Home, Now));

        order.Status.ShouldBe(OrderStatus.Submitted);
        order.Total.ShouldBe(Eur(51.00m));
    }

    [Fact]
    public void Is_not_submitted_empty() =>
        Given(Drafted, Added(Lamp), new ItemRemoved(OrderId, "LAMP", Now)).When(SubmitWith(Lamp)).ThenRefused(OrderErrors.Empty);

    [Fact]
    public void Is_not_submitted_with_a_product_that_is_not_sold_any_more() =>
        Given(ADraft).When(SubmitWith(Desk)).ThenRefused(OrderErrors.ProductNotSold);

    [Fact]
    public void Is_not_submitted_when_a_product_changed_its_currency() =>
        Given(ADraft).When(SubmitWith(Lamp with { UnitPrice = new Money(1m, "USD") })).ThenRefused(OrderErrors.CurrencyMismatch);

    [Fact]
    public void Is_cancelled_at_once_since_nothing_was_done_for_it() =>
        Given(ADraft).When(new RequestCancellation("too dear", Now))
            .Then(new OrderCancelled(OrderId, UserId, "too dear", null, Now)).Status.ShouldBe(OrderStatus.Cancelled);

    [Fact]
    public void Does_not_exist_before_it_was_drafted() =>
        Given().When(new AddItem(Lamp, 1, Now)).ThenRefused(OrderErrors.NotFound);

    [Fact]
    public void Is_not_submitted_at_a_total_that_would_have_to_be_rounded()
    {
        var cheap = Lamp with { UnitPrice = Eur(0.125m) };

        Given(Drafted, Added(cheap)).When(SubmitWith(cheap)).ThenRefused(OrderErrors.TotalNotChargeable);
        Given(Drafted, Added(cheap, 2)).When(SubmitWith(cheap))
            .Then(new OrderSubmitted(OrderId, UserId, [Line(cheap, 2)], Eur(0.250m), "pm_card_visa", Home, Now));
        Given(ADraft).When(SubmitWith(Lamp) with { Limits = null }).ThenRefused(OrderErrors.TotalNotChargeable);
    }

    [Fact]
    public void Is_not_submitted_at_a_total_beyond_what_can_be_paid_at_once()
    {
        var dear = Lamp with { UnitPrice = Eur(999_999.99m) };

        Given(Drafted, Added(dear)).When(SubmitWith(dear))
            .Then(new OrderSubmitted(OrderId, UserId, [Line(dear, 1)], Eur(999_999.99m), "pm_card_visa", Home, Now));
        Given(Drafted, Added(dear, 2)).When(SubmitWith(dear)).ThenRefused(OrderErrors.TotalTooLarge);
    }
}
