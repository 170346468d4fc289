using Orders.Fulfilment;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>One order of tea, and what others say of it.</summary>
internal static class A
{
    public static readonly Guid User = Guid.Parse("0196f000-0000-7000-8000-000000000001");
    public static readonly DateTimeOffset Now = new(2026, 5, 4, 10, 0, 0, TimeSpan.Zero);
    public static readonly IReadOnlyList<SkuQuantity> Items = [new("tea-1", 2)];
    public static readonly Money Total = new(19.98m, "EUR");
    public static readonly ShipTo Address = new("Ada Lovelace", "1 St James's Square", "London", "SW1Y 4JH", "GB");

    public static StartFulfilment Start(Guid id) => new(id, User, Items, Total, "pm_card_visa", Address);

    public static PaymentProcessed Payment(Guid id, PaymentStatus status) =>
        new(Guid.CreateVersion7(), id, User, status, Total, Now, status == PaymentStatus.Declined ? "generic_decline" : null);

    /// <summary>A saga in a state, with what it would know by then. Further words change the circumstances.</summary>
    public static FulfilmentState Saga(Guid id, string circumstances)
    {
        var words = circumstances.Split(' ');
        var state = words[0];
        var goesWell = state is "ReservingStock" or "AuthorizingPayment" or "Confirming" or "Shipping" or "RecordingShipment" or "CapturingPayment" or "Completing" or "Completed";
        var cancelled = words.Contains("cancelled") || state is "Cancelling" or "Cancelled";
        var shipped = words.Contains("shipped") || state is "RecordingShipment" or "CapturingPayment" or "Completing" or "Completed";
        return new FulfilmentState
        {
            CorrelationId = id,
            CurrentState = state,
            UserId = User,
            Items = Items,
            Total = Total,
            PaymentMethod = "pm_card_visa",
            Address = Address,
            Authorized = !(words.Contains("unauthorized") || state is "ReservingStock" or "AuthorizingPayment"),
            ShipmentId = shipped ? User : null,
            Carrier = shipped ? "DHL" : null,
            TrackingNumber = shipped ? "JD014" : null,
            Ending = goesWell ? null : cancelled ? Ending.Cancelled : Ending.Failed,
            Reason = goesWell ? null : "timed_out: because",
            Attempt = 1,
            DeadlineTokenId = Guid.CreateVersion7(),
            StartedAt = Now,
            ChangedAt = Now,
            Steps = [new FulfilmentStep(state, Now, 1)],
        };
    }
}
