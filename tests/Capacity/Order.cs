namespace Shop.Capacity;

/// <summary>What an order that is fulfilled does, one after the other, until it is completed; docs/architecture.md has the same as a drawing.</summary>
public static class Order
{
    /// <summary>Transactions, hops over the broker, and calls of the payment provider between the request and <c>completedAt</c>.</summary>
    public static readonly IReadOnlyList<Step> Path =
    [
        new(Kind.Transaction, "orders"),       // placed: order, saga, ReserveStock
        new(Kind.Hop, "orders"),
        new(Kind.Transaction, "inventory"),    // reserved
        new(Kind.Hop, "inventory"),
        new(Kind.Transaction, "orders"),       // the saga hears of it; a payment begins
        new(Kind.Call, "orders"),
        new(Kind.Transaction, "orders"),       // made at the provider
        new(Kind.Transaction, "orders"),       // authorized, confirmed, ShipOrder
        new(Kind.Hop, "orders"),
        new(Kind.Transaction, "inventory"),    // dispatched
        new(Kind.Hop, "inventory"),
        new(Kind.Transaction, "orders"),       // shipped
        new(Kind.Call, "orders"),
        new(Kind.Transaction, "orders"),       // captured, completed
    ];

    public static int Of(Kind kind) => Path.Count(s => s.Kind == kind);

    /// <summary>How often a service's own code runs on the way.</summary>
    public static int StepsOf(string service) => Path.Count(s => s.Service == service);

    public enum Kind
    {
        /// <summary>Work in the service and in its database, and a flush of the log.</summary>
        Transaction,

        /// <summary>The relay publishes, the broker writes and delivers.</summary>
        Hop,

        /// <summary>The payment provider is asked.</summary>
        Call,
    }

    public sealed record Step(Kind Kind, string Service);
}
