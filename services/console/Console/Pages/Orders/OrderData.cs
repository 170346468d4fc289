using System.Text.Json;
using ShopConsole.Api;

namespace ShopConsole.Pages.Orders;

// What the services say of an order, as far as the page shows it.
public sealed record MoneyData(string Amount, string Currency)
{
    public override string ToString() => $"{Amount} {Currency}";
}

public sealed record ItemData(string Sku, string Name, int Quantity, MoneyData UnitPrice);

public sealed record AddressData(string? Name, string? Line1, string? Line2, string? City, string? PostalCode, string? Country);

public sealed record OrderData(
    Guid Id, Guid UserId, string Status, IReadOnlyList<ItemData> Items, MoneyData Total, string? PaymentMethod, AddressData? ShippingAddress, string? Reason,
    bool CancellationRequested, MoneyData? Refunded, long Version, DateTimeOffset CreatedAt, DateTimeOffset? SubmittedAt, DateTimeOffset? CompletedAt)
{
    public bool IsOver => Status is "completed" or "cancelled" or "failed";
}

public sealed record OrderEventMetadata(string? CorrelationId, string? CausationId, string? UserId, string? TraceParent);

public sealed record OrderEventData(
    Guid EventId, string EventType, int EventVersion, long Version, DateTimeOffset OccurredAt, JsonElement Payload, OrderEventMetadata? Metadata);

public sealed record StepData(string Step, DateTimeOffset Started, DateTimeOffset? Ended, string? Outcome, int Attempt);

public sealed record FulfilmentData(
    string State, string? Reason, DateTimeOffset Started, DateTimeOffset? Ended, string? Awaiting, DateTimeOffset? DeadlineAt, string? TraceId,
    IReadOnlyList<StepData> Steps);

public sealed record PaymentData(
    Guid Id, Guid OrderId, string Status, MoneyData Amount, string PaymentMethod, string? ProviderReference, string? DeclineCode, string? Pending,
    string? WaitsFor, DateTimeOffset CreatedAt, DateTimeOffset? AuthorizedAt, DateTimeOffset? CapturedAt, DateTimeOffset? DeclinedAt, DateTimeOffset? VoidedAt,
    DateTimeOffset? RefundedAt);

public sealed record QuantityData(string Sku, int Quantity);

public sealed record ShortageData(string Sku, int Requested, int Available);

public sealed record ReservationData(
    Guid OrderId, string Status, IReadOnlyList<QuantityData> Items, IReadOnlyList<ShortageData> Shortages, string? Reason, Guid? ShipmentId,
    DateTimeOffset CreatedAt, DateTimeOffset? ReservedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? EndedAt);

public sealed record ShipmentData(
    Guid Id, Guid OrderId, string Status, IReadOnlyList<QuantityData> Items, string? Carrier, string? TrackingNumber, DateTimeOffset CreatedAt,
    DateTimeOffset? DispatchedAt, DateTimeOffset? CancelledAt);

public sealed record MailData(
    Guid Id, Guid? OrderId, string Template, string? Recipient, string Status, int Attempts, string EventType, DateTimeOffset CreatedAt,
    DateTimeOffset? NextAttemptAt, DateTimeOffset? SentAt, DateTimeOffset? CompletedAt, string? Error);

public sealed record AttemptData(int Number, DateTimeOffset At, double LatencyMs, int? Status, string? Error);

public sealed record DeliveryData(
    Guid Id, Guid? WebhookId, string EventId, string EventType, string Status, DateTimeOffset CreatedAt, DateTimeOffset? NextAttemptAt,
    DateTimeOffset? CompletedAt, IReadOnlyList<AttemptData>? Attempts);

public sealed record LetterData(
    Guid Id, string MessageId, string Type, string Queue, string Reason, string Fingerprint, string? ExceptionType, string? ExceptionMessage, string Status,
    int Failures, DateTimeOffset FirstFailedAt, DateTimeOffset FailedAt);

public sealed record TimerData(long Id, string MessageId, string Type, string Destination, DateTimeOffset DueAt, DateTimeOffset CreatedAt, bool Cancellable);

public sealed record OutboxData(
    long Id, string MessageId, string Type, string Destination, string State, int Attempts, string? LastError, DateTimeOffset CreatedAt,
    DateTimeOffset? DueAt);

/// <summary>Everything that belongs to one order, from everybody who knows of it; what could not be asked stands beside as trouble.</summary>
internal sealed class OrderFile
{
    private readonly List<Trouble> _troubles = [];

    public required OrderData Order { get; init; }

    public IReadOnlyList<OrderEventData> Events { get; private set; } = [];

    public FulfilmentData? Fulfilment { get; private set; }

    public IReadOnlyList<PaymentData> Payments { get; private set; } = [];

    public ReservationData? Reservation { get; private set; }

    public IReadOnlyList<ShipmentData> Shipments { get; private set; } = [];

    public IReadOnlyList<MailData> Mails { get; private set; } = [];

    public IReadOnlyList<DeliveryData> Deliveries { get; private set; } = [];

    public IReadOnlyList<(string Service, LetterData Letter)> Letters { get; private set; } = [];

    public IReadOnlyList<(string Service, TimerData Timer)> Timers { get; private set; } = [];

    public IReadOnlyList<(string Service, OutboxData Row)> Outbox { get; private set; } = [];

    public IReadOnlyList<Trouble> Troubles => _troubles;

    /// <summary>Asks all of them at the same time: the page is as slow as the slowest, not as all together.</summary>
    public static async Task<(OrderFile? File, Trouble? Trouble)> ReadAsync(ShopApi api, Guid id, string? asOf, CancellationToken ct)
    {
        var order = api.GetAsync<OrderData>("orders", asOf is null ? $"/v1/orders/{id}" : $"/v1/orders/{id}?asOf={Uri.EscapeDataString(asOf)}", ct);
        var events = api.GetAsync<Listed<OrderEventData>>("orders", $"/v1/orders/{id}/events?limit=200", ct);
        var fulfilment = api.GetAsync<FulfilmentData>("orders", $"/v1/orders/{id}/fulfilment", ct);
        var payments = api.GetAsync<Listed<PaymentData>>("orders", $"/v1/payments?orderId={id}", ct);
        var reservation = api.GetAsync<ReservationData>("inventory", $"/v1/reservations/{id}", ct);
        var shipments = api.GetAsync<Listed<ShipmentData>>("inventory", $"/v1/shipments?orderId={id}", ct);
        var mails = api.GetAsync<Listed<MailData>>("notifications", $"/v1/notifications?orderId={id}&limit=200", ct);
        var deliveries = api.GetAsync<Listed<DeliveryData>>("notifications", $"/v1/webhook-deliveries?orderId={id}&limit=200", ct);
        var letters = OfAllAsync<LetterData>(api, $"/v1/ops/dead-letters?orderId={id}", ct);
        var timers = OfAllAsync<TimerData>(api, $"/v1/ops/timers?orderId={id}", ct);
        var outbox = OfAllAsync<OutboxData>(api, $"/v1/ops/outbox/messages?orderId={id}", ct);
        if ((await order).Value is not { } found)
        {
            await Task.WhenAll(events, fulfilment, payments, reservation, shipments, mails, deliveries, letters, timers, outbox);
            return (null, (await order).Trouble);
        }

        var file = new OrderFile { Order = found };
        file.Events = file.Items(await events);
        file.Fulfilment = file.Value(await fulfilment);
        file.Payments = file.Items(await payments);
        file.Reservation = file.Value(await reservation);
        file.Shipments = file.Items(await shipments);
        file.Mails = file.Items(await mails);
        file.Deliveries = file.Items(await deliveries);
        file.Letters = file.Items(await letters);
        file.Timers = file.Items(await timers);
        file.Outbox = file.Items(await outbox);
        return (file, null);
    }

    private static async Task<IReadOnlyList<(string Service, Answer<Listed<T>> Answer)>> OfAllAsync<T>(ShopApi api, string path, CancellationToken ct) =>
        await Task.WhenAll(api.Services.Select(async service => (service, await api.GetAsync<Listed<T>>(service, path, ct))));

    private IReadOnlyList<(string Service, T Item)> Items<T>(IReadOnlyList<(string Service, Answer<Listed<T>> Answer)> answers) =>
        [.. answers.SelectMany(a => Items(a.Answer).Select(item => (a.Service, item)))];

    private IReadOnlyList<T> Items<T>(Answer<Listed<T>> answer) => Value(answer)?.Items ?? [];

    // What is not there is not there; an order that was never submitted has no fulfilment.
    private T? Value<T>(Answer<T> answer)
        where T : class
    {
        if (answer.Trouble is { Kind: not TroubleKind.Missing } trouble && !_troubles.Any(t => t.Service == trouble.Service && t.Text == trouble.Text))
        {
            _troubles.Add(trouble);
        }

        return answer.Value;
    }
}
