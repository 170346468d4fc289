using CsCheck;
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

    private static readonly Gen<OrderCommand> AnyCommand = Gen.Frequency(
        (4, Gen.Select(Gen.OneOf(Lamp, Desk), Gen.Int[-1, 6_000], OrderCommand (product, quantity) => new AddItem(product, quantity, Now))),
        (1, Gen.OneOf("LAMP", "DESK").Select(OrderCommand (sku) => new RemoveItem(sku, Now))),
        (2, Gen.Const<OrderCommand>(SubmitWith(Lamp, Desk))),
        (7, Gen.OneOf<OrderCommand>(
            new RequestCancellation("random", Now), new Confirm(Now), new Ship(Parcel, Now), new Complete(Now), new Cancel("random", null, Now),
            new Fail("random", null, Now), new Draft(OrderId, UserId, "EUR", Now))));

    [Fact]
    public void Draws_every_command_there_is() => AnyCommand.Array[1_000].Sample(
        commands => commands.Select(c => c.GetType()).Distinct().ShouldBe(
            typeof(OrderCommand).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(OrderCommand))),
            ignoreOrder: true,
            "a command that is never drawn is in no random history: add it to AnyCommand"),
        iter: 1);

    [Fact]
    public void Of_20000_random_commands_moves_only_forward_and_keeps_every_limit() => AnyCommand.Array[0, 80].Sample(
        commands =>
        {
            var state = Order.Fold([Drafted]);
            foreach (var happened in commands.Select(c => Order.Decide(state, c)).OfType<Decision.Accepted>().SelectMany(d => d.Events))
            {
                var before = state!.Status;
                state = Order.Evolve(state, happened);
                Legal[before].ShouldContain(state.Status);
                state.Lines.Count.ShouldBeLessThanOrEqualTo(Order.MaxLines);
                state.Lines.ShouldAllBe(l => l.Quantity >= Order.MinQuantity && l.Quantity <= Order.MaxQuantity);
                state.Lines.Select(l => l.Sku).ShouldBeUnique();
                state.Total.Amount.ShouldBe(state.Lines.Sum(l => l.Quantity * l.UnitPrice.Amount));
            }
        },
        iter: 500,
        print: commands => string.Join('\n', commands.AsEnumerable()));
}
