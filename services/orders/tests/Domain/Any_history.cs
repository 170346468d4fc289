using Orders.Domain;

namespace Orders.Tests.Domain;

/// <summary>Whatever is asked of an order, in whatever order, what comes out is legal.</summary>
public sealed class Any_history : Specification
{
    private static readonly Dictionary<OrderStatus, OrderStatus[]> Legal = new()
    {
        [OrderStatus.Draft] = [OrderStatus.Draft, OrderStatus.Submitted, OrderStatus.Cancelled],
        [OrderStatus.Submitted] = [OrderStatus.Submitted, OrderStatus.Confirmed, OrderStatus.Cancelled, OrderStatus.Failed],
        [OrderStatus.Confirmed] = [OrderStatus.Confirmed, OrderStatus.Shipped, OrderStatus.Cancelled, OrderStatus.Failed],
        [OrderStatus.Shipped] = [OrderStatus.Completed, OrderStatus.Failed],
        [OrderStatus.Completed] = [],
        [OrderStatus.Cancelled] = [],
        [OrderStatus.Failed] = [],
    };

    [Fact]
    public void of_20000_random_commands_moves_only_forward_and_keeps_every_limit()
    {
        var random = new Random(20260301);
        for (var i = 0; i < 500; i++)
        {
            var state = Order.Fold([Drafted]);
            for (var j = 0; j < 40; j++)
            {
                if (Order.Decide(state, RandomCommand(random)) is not Decision.Accepted accepted)
                {
                    continue;
                }

                foreach (var happened in accepted.Events)
                {
                    var before = state!.Status;
                    state = Order.Evolve(state, happened);
                    Legal[before].ShouldContain(state.Status);
                }

                state!.Lines.Count.ShouldBeLessThanOrEqualTo(Order.MaxLines);
                state.Lines.ShouldAllBe(l => l.Quantity >= Order.MinQuantity && l.Quantity <= Order.MaxQuantity);
                state.Lines.Select(l => l.Sku).ShouldBeUnique();
                state.Total.Amount.ShouldBe(state.Lines.Sum(l => l.Quantity * l.UnitPrice.Amount));
            }
        }
    }

    private static OrderCommand RandomCommand(Random random) => random.Next(14) switch
    {
        < 4 => new AddItem(random.Next(2) == 0 ? Lamp : Desk, random.Next(-1, 6_000), Now),
        4 => new RemoveItem(random.Next(2) == 0 ? "LAMP" : "DESK", Now),
        5 or 6 => SubmitWith(Lamp, Desk),
        7 => new RequestCancellation("random", Now),
        8 => new Confirm(Now),
        9 => new Ship(Parcel, Now),
        10 => new Complete(Now),
        11 => new Cancel("random", null, Now),
        12 => new Fail("random", null, Now),
        _ => new Draft(OrderId, UserId, "EUR", Now),
    };
}
