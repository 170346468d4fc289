namespace Shop.SystemBench.ByHand;

/// <summary>What one message leads to, in one transaction.</summary>
/// <param name="Inserts">Rows that are added: events, their archive copies, movements, shipments, a mail.</param>
/// <param name="States">The rows that are locked, read and changed (or added, the first time), by what they are about.</param>
/// <param name="Stock">Whether a row of stock changes.</param>
/// <param name="Deadline">Whether the deadline before is taken back, and whether a new one is set.</param>
/// <param name="Publishes">Messages that leave through the outbox.</param>
/// <param name="Before">Transactions of one changed row that come first, in one commit each: the claim of a payment.</param>
/// <param name="After">The same, afterwards: a mail claimed and then noted as sent.</param>
internal sealed record Step(
    int Inserts = 0,
    string[]? States = null,
    bool Stock = false,
    (bool Cancel, bool Set) Deadline = default,
    string[]? Publishes = null,
    int Before = 0,
    int After = 0)
{
    /// <summary>A handler that joins others in a transaction knows duplicates by their order and writes no inbox row.</summary>
    public bool Inbox { get; init; } = true;

    /// <summary>A message to the same service: a row of the outbox that goes with the transaction which it leads to.</summary>
    public string? Calls { get; init; }

    /// <summary>Deletes the row that has led here.</summary>
    public bool IsCalled { get; init; }
}

/// <summary>
/// The way of an order that is fulfilled: which message reaches which queue, and what each consumer writes and publishes. The counts of the services and of the
/// work by hand stand side by side in the report, so that it shows when the services have come to do something else.
/// </summary>
/// <param name="Name">In the report.</param>
/// <param name="Placed">What a request leads to.</param>
/// <param name="Queues">Where each message goes.</param>
/// <param name="Steps">What each leads to, by queue and message; a call has no queue.</param>
/// <param name="Last">Where an order is through.</param>
internal sealed record OrderPath(
    string Name,
    Step Placed,
    IReadOnlyDictionary<string, string[]> Queues,
    IReadOnlyDictionary<(string Queue, string Message), Step> Steps,
    (string Queue, string Message) Last)
{
    private const string Fulfilment = "byhand.fulfilment";
    private const string Inventory = "byhand.inventory";
    private const string Payments = "byhand.payments";
    private const string Calls = "byhand.calls";
    private const string Orders = "byhand.orders";
    private const string Mails = "byhand.mails";
    private const string Webhooks = "byhand.webhooks";
    private const string Here = "";

    /// <summary>An event that no webhook asks for.</summary>
    public static readonly Step Nothing = new();

    private static readonly Step Mail = new(Inserts: 1, States: ["mail"], After: 2);
    private static readonly Step Reserve = new(Inserts: 2, States: ["reservation"], Stock: true, Publishes: ["StockReserved"]) { Inbox = false };
    private static readonly Step Dispatch = new(Inserts: 3, States: ["reservation"], Stock: true, Publishes: ["ShipmentDispatched"]);

    /// <summary>
    /// As the services go it: one transaction for each wait. A request has draft, item and submission as events, two archive copies, the stored answer, the row
    /// that is read, and the saga.
    /// </summary>
    public static readonly OrderPath Now = new(
        "one transaction for each wait",
        new Step(Inserts: 6, States: ["order", "fulfilment"], Deadline: (false, true), Publishes: ["OrderSubmitted.v1", "OrderSubmitted.v2", "ReserveStock"])
        {
            Inbox = false,
        },
        new Dictionary<string, string[]>
        {
            ["OrderSubmitted.v1"] = [],
            ["OrderSubmitted.v2"] = [],
            ["ReserveStock"] = [Inventory],
            ["StockReserved"] = [Fulfilment],
            ["PaymentAuthorized"] = [],
            ["OrderConfirmed"] = [Mails],
            ["ShipOrder"] = [Inventory],
            ["ShipmentDispatched"] = [Fulfilment],
            ["OrderShipped"] = [Mails],
            ["PaymentCaptured"] = [],
            ["OrderCompleted"] = [],
        },
        new Dictionary<(string Queue, string Message), Step>
        {
            [(Inventory, "ReserveStock")] = Reserve,
            [(Fulfilment, "StockReserved")] = new(States: ["fulfilment", "payment"], Deadline: (true, true)) { Calls = "Authorize" },
            [(Here, "Authorize")] = new(
                Inserts: 3,
                States: ["fulfilment", "payment", "order"],
                Deadline: (true, true),
                Publishes: ["PaymentAuthorized", "OrderConfirmed", "ShipOrder"],
                Before: 1)
            { Inbox = false, IsCalled = true },
            [(Inventory, "ShipOrder")] = Dispatch,
            [(Fulfilment, "ShipmentDispatched")] = new(Inserts: 2, States:
            [
                "fulfilment", "payment", "order",
            ], Deadline: (true, true), Publishes: ["OrderShipped"])
            {
                Calls = "Capture",
            },
            [(Here, "Capture")] = new(Inserts: 3, States:
            [
                "fulfilment", "payment", "order",
            ], Deadline: (true, false), Publishes: ["PaymentCaptured", "OrderCompleted"])
            {
                Inbox = false, IsCalled = true,
            },
            [(Mails, "OrderConfirmed")] = Mail,
            [(Mails, "OrderShipped")] = Mail,
        },
        (Here, "Capture"));

    /// <summary>As the services went it before: everything that one part of them wants of another is a message. It stays, as a yardstick.</summary>
    public static readonly OrderPath Before = new(
        "a message for each step",
        new Step(Inserts: 6, States: ["order"], Publishes: ["OrderSubmitted.v1", "OrderSubmitted.v2", "StartFulfilment"]) { Inbox = false },
        new Dictionary<string, string[]>
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
            ["OrderCompleted"] = [Fulfilment, Webhooks],
        },
        new Dictionary<(string Queue, string Message), Step>
        {
            [(Fulfilment, "StartFulfilment")] = new(States: ["fulfilment"], Deadline: (false, true), Publishes: ["ReserveStock"]),
            [(Fulfilment, "StockReserved")] = Next("AuthorizePayment"),
            [(Fulfilment, "PaymentAuthorized")] = Next("ConfirmOrder"),
            [(Fulfilment, "OrderConfirmed")] = Next("ShipOrder"),
            [(Fulfilment, "ShipmentDispatched")] = Next("RecordShipment"),
            [(Fulfilment, "OrderShipped")] = Next("CapturePayment"),
            [(Fulfilment, "PaymentCaptured")] = Next("CompleteOrder"),
            [(Fulfilment, "OrderCompleted")] = new(States: ["fulfilment"], Deadline: (true, false)),
            [(Inventory, "ReserveStock")] = Reserve,
            [(Payments, "AuthorizePayment")] = new(States: ["payment"], Publishes: ["ExecuteAuthorize"]),
            [(Calls, "ExecuteAuthorize")] = new(Inserts: 1, States: ["payment"], Publishes: ["PaymentAuthorized"], Before: 1) { Inbox = false },
            [(Orders, "ConfirmOrder")] = Told("OrderConfirmed"),
            [(Inventory, "ShipOrder")] = Dispatch,
            [(Orders, "RecordShipment")] = Told("OrderShipped"),
            [(Payments, "CapturePayment")] = new(States: ["payment"], Publishes: ["ExecuteCapture"]),
            [(Calls, "ExecuteCapture")] = new(Inserts: 1, States: ["payment"], Publishes: ["PaymentCaptured"], Before: 1) { Inbox = false },
            [(Orders, "CompleteOrder")] = Told("OrderCompleted"),
            [(Mails, "OrderConfirmed")] = Mail,
            [(Mails, "OrderShipped")] = Mail,
        },
        (Fulfilment, "OrderCompleted"));

    public Step Of(string queue, string message) => queue == Webhooks ? Nothing : Steps[(queue, message)];

    private static Step Next(string command) => new(States: ["fulfilment"], Deadline: (true, true), Publishes: [command]);

    /// <summary>An event, its archive copy, and the row that is read.</summary>
    private static Step Told(string orderEvent) => new(Inserts: 2, States: ["order"], Publishes: [orderEvent]);
}
