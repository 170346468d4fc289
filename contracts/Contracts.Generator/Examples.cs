using Contracts.Events;
using Contracts.Events.Platform.V1;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;
using V2 = Shop.Contracts.Orders.V2;

namespace Contracts.Generator;

/// <summary>
/// One message per event with every member filled, and where there are optional members one with none of them. They are the examples of the documents,
/// and become the golden samples of the version in which they were first published.
/// </summary>
public static class Examples
{
    private static readonly Guid Order = new("0198f1a2-7c00-7000-8000-00000000a001");
    private static readonly Guid User = new("0198f1a2-7c00-7000-8000-00000000b001");
    private static readonly Guid Payment = new("0198f1a2-7c00-7000-8000-00000000c001");
    private static readonly Guid Shipment = new("0198f1a2-7c00-7000-8000-00000000d001");
    private static readonly Guid Instance = new("0198f1a2-7c00-7000-8000-00000000e001");
    private static readonly Guid Session = new("0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c77");
    private static readonly DateTimeOffset Time = new(2026, 3, 14, 9, 26, 53, 589, TimeSpan.Zero);
    private static readonly Money Total = new(54.50m, "EUR");
    private static readonly SkuQuantity[] Parts = [new("MUG-BLUE", 2), new("TEA-ASSAM-250", 1)];
    private static readonly OrderLine[] Lines =
    [
        new("MUG-BLUE", "Blue mug", 2, new Money(19.50m, "EUR")),
        new("TEA-ASSAM-250", "Assam tea, 250 g", 1, new Money(15.50m, "EUR")),
    ];

    /// <summary>With every member; a service that has come later brings its own in a file beside this one.</summary>
    public static IReadOnlyList<object> Full { get; } =
    [
        .. Others.SelectMany(o => o.Full),
        new OrderSubmitted(Order, User, [new SubmittedLine("MUG-BLUE", 2, 19.50m), new SubmittedLine("TEA-ASSAM-250", 1, 15.50m)], 54.50m, Time),
        new V2.OrderSubmitted(Order, User, Lines, Total, "DE", Time),
        new OrderConfirmed(Order, User, Lines, Total, Time),
        new OrderShipped(Order, User, Shipment, "DHL", "JJD000390007811223344", Time),
        new OrderCompleted(Order, User, Total, Time),
        new OrderCancelled(Order, User, "ordered twice", Time, Total),
        new OrderFailed(Order, User, "payment_declined: insufficient_funds", Time, Total),
        new PaymentProcessed(Payment, Order, User, PaymentStatus.Declined, Total, Time, "insufficient_funds"),
        new ProductAdded("TEA-SET", "Tea set", new Money(49.90m, "EUR"), Parts, Time, 5),
        new ProductPriceChanged("MUG-BLUE", new Money(19.50m, "EUR"), new Money(17.90m, "EUR"), Time),
        new ProductDiscontinued("MUG-BLUE", Time),
        new StockReceived("MUG-BLUE", 100, 104, "delivery note 4711", Time),
        new StockReserved(Order, Parts, Time),
        new StockReservationFailed(Order, "out of stock", [new Shortage("MUG-BLUE", 2, 1)], Time),
        new StockReleased(Order, Parts, "the customer cancelled", Time),
        new StockLow("MUG-BLUE", 4, 5, Time),
        new ShipmentDispatched(Shipment, Order, "DHL", "JJD000390007811223344", Parts, Time),
        new UserRegistered(User, "ada@example.com", "Ada Lovelace", "web", Time, "en-GB", EmailVerified: false),
        new UserEmailVerified(User, "ada@example.com", Time),
        new UserProfileUpdated(User, [new FieldChange("fullName", "Ada Byron", "Ada Lovelace")], Time),
        new UserEmailChanged(User, "ada@example.com", "countess@example.com", Time, OldEmailVerified: false),
        new UserDeactivated(User, "asked for it", Time),
        new UserReactivated(User, Time),
        new UserErased(User, Time),
        new UserSessionsEnded(User, 3, "password_changed", Time),
        new UserSessionEnded(User, Session, Time),
        new ServiceStarted("orders", Instance, "1.0.0", Time),
        new ServiceStopped("orders", Instance, Time),
    ];

    public static IReadOnlyList<object> Minimal { get; } =
    [
        .. Others.SelectMany(o => o.Minimal),
        new OrderCancelled(Order, User, "", Time),
        new OrderFailed(Order, User, "out_of_stock: MUG-BLUE", Time),
        new PaymentProcessed(Payment, Order, User, PaymentStatus.Authorized, Total, Time),
        new ProductAdded("MUG-BLUE", "Blue mug", new Money(19.50m, "EUR"), [], Time),
        new StockReservationFailed(Order, "released before it was reserved", [], Time),
        new StockReleased(Order, [], "nothing was reserved", Time),
        new UserRegistered(User, "ada@example.com", "Ada Lovelace", "web", Time),
        new UserEmailChanged(User, "ada@example.com", "countess@example.com", Time),
        new UserProfileUpdated(User, [new FieldChange("fullName")], Time),
    ];

    private static IEnumerable<IExamples> Others => typeof(IExamples).Assembly.GetTypes().Where(t => t.IsClass && t.IsAssignableTo(typeof(IExamples)))
        .Select(t => (IExamples)Activator.CreateInstance(t)!);

    /// <summary>The example with every member.</summary>
    public static object Of(BoundaryEventDescriptor descriptor) => Full.Single(e => e.GetType() == descriptor.ClrType);

    /// <summary>The example without the optional members, for the events that have such.</summary>
    public static object? MinimalOf(BoundaryEventDescriptor descriptor) => Minimal.SingleOrDefault(e => e.GetType() == descriptor.ClrType);
}

/// <summary>The examples of one service's events.</summary>
public interface IExamples
{
    /// <summary>One message per event with every member filled.</summary>
    IEnumerable<object> Full { get; }

    /// <summary>One without the optional members, of each event that has such.</summary>
    IEnumerable<object> Minimal { get; }
}
