namespace Shop.SystemBench.ByHand;

/// <summary>What one message leads to, in one transaction.</summary>
/// <param name="Inserts">Rows that are added: events, their archive copies, movements, shipments, a mail.</param>
/// <param name="State">The row that is locked, read and changed (or added, the first time), by what it is about.</param>
/// <param name="Stock">Whether a row of stock changes.</param>
/// <param name="Deadline">Whether the deadline before is taken back, and whether a new one is set.</param>
/// <param name="Publishes">Messages that leave through the outbox.</param>
/// <param name="Before">Transactions of one changed row that come first, in one commit each: the claim of a payment.</param>
/// <param name="After">The same, afterwards: a mail claimed and then noted as sent.</param>
internal sealed record Step(
    int Inserts = 0, string? State = null, bool Stock = false, (bool Cancel, bool Set) Deadline = default, string[]? Publishes = null, int Before = 0, int After = 0)
{
    /// <summary>A handler that joins others in a transaction knows duplicates by their order and writes no inbox row.</summary>
    public bool Inbox { get; init; } = true;
}

/// <summary>
/// The way of an order that is fulfilled, as the services go it: which message reaches which queue, and what each consumer writes and publishes.
/// The counts of both stand side by side in the report, so that it shows when the services have come to do something else.
/// </summary>
internal static class OrderPath
{
    public const string Fulfilment = "byhand.fulfilment";
    public const string Inventory = "byhand.inventory";
    public const string Payments = "byhand.payments";
    public const string Calls = "byhand.calls";
    public const string Orders = "byhand.orders";
    public const string Mails = "byhand.mails";
    public const string Webhooks = "byhand.webhooks";

    /// <summary>The request: draft, item and submission as events, two archive copies, the stored answer, and the row that is read.</summary>
    public static readonly Step Placed = new(Inserts: 6, State: "order", Publishes: ["OrderSubmitted.v1", "OrderSubmitted.v2", "StartFulfilment"]) { Inbox = false };

    /// <summary>An event that no webhook asks for.</summary>
    public static readonly Step Nothing = new();

    /// <summary>The message with which an order is through.</summary>
    public const string Last = "OrderCompleted";

    /// <summary>Where each message goes.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Queues = new Dictionary<string, string[]>
    {
        ["OrderSubmitted.v1"] = [Webhooks],
        ["OrderSubmitted.v2"] = [Webhooks],
        ["StartFulfilment"] = [Fulfilment],
        ["ReserveStock"] = [Inventory],
        ["StockReserved"] = [Fulfilment, Webhooks],
        ["AuthorizePayment"] = [Payments],
        ["ExecuteAuthorize"] = [Calls],
        ["PaymentAuthorized"] = [Fulfilment, Webhooks],
        ["ConfirmOrder"] = [Orders],
        ["OrderConfirmed"] = [Fulfilment, Mails, Webhooks],
        ["ShipOrder"] = [Inventory],
        ["ShipmentDispatched"] = [Fulfilment, Webhooks],
        ["RecordShipment"] = [Orders],
        ["OrderShipped"] = [Fulfilment, Mails, Webhooks],
        ["CapturePayment"] = [Payments],
        ["ExecuteCapture"] = [Calls],
        ["PaymentCaptured"] = [Fulfilment, Webhooks],
        ["CompleteOrder"] = [Orders],
        [Last] = [Fulfilment, Webhooks],
    };

    private static readonly Dictionary<string, Step> Sagas = new()
    {
        ["StartFulfilment"] = new(State: "fulfilment", Deadline: (false, true), Publishes: ["ReserveStock"]),
        ["StockReserved"] = Next("AuthorizePayment"),
        ["PaymentAuthorized"] = Next("ConfirmOrder"),
        ["OrderConfirmed"] = Next("ShipOrder"),
        ["ShipmentDispatched"] = Next("RecordShipment"),
        ["OrderShipped"] = Next("CapturePayment"),
        ["PaymentCaptured"] = Next("CompleteOrder"),
        [Last] = new(State: "fulfilment", Deadline: (true, false)),
    };

    private static readonly Dictionary<string, Step> Participants = new()
    {
        ["ReserveStock"] = new(Inserts: 2, State: "reservation", Stock: true, Publishes: ["StockReserved"]) { Inbox = false },
        ["AuthorizePayment"] = new(State: "payment", Publishes: ["ExecuteAuthorize"]),
        ["ExecuteAuthorize"] = new(Inserts: 1, State: "payment", Publishes: ["PaymentAuthorized"], Before: 1) { Inbox = false },
        ["ConfirmOrder"] = Told("OrderConfirmed"),
        ["ShipOrder"] = new(Inserts: 3, State: "reservation", Stock: true, Publishes: ["ShipmentDispatched"]),
        ["RecordShipment"] = Told("OrderShipped"),
        ["CapturePayment"] = new(State: "payment", Publishes: ["ExecuteCapture"]),
        ["ExecuteCapture"] = new(Inserts: 1, State: "payment", Publishes: ["PaymentCaptured"], Before: 1) { Inbox = false },
        ["CompleteOrder"] = Told(Last),
    };

    public static Step Of(string queue, string message) => queue switch
    {
        Fulfilment => Sagas[message],
        Mails => new Step(Inserts: 1, State: "mail", After: 2),
        Webhooks => Nothing,
        _ => Participants[message],
    };

    private static Step Next(string command) => new(State: "fulfilment", Deadline: (true, true), Publishes: [command]);

    /// <summary>An event, its archive copy, and the row that is read.</summary>
    private static Step Told(string orderEvent) => new(Inserts: 2, State: "order", Publishes: [orderEvent]);
}
