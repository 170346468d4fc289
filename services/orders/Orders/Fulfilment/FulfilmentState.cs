using MassTransit;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Orders.Fulfilment;

/// <summary>How far one order has come. The row stays when it is through, for audit; the address does not.</summary>
public sealed class FulfilmentState : SagaStateMachineInstance
{
    /// <summary>The order's id.</summary>
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = "";

    public Guid UserId { get; set; }

    public string? TenantId { get; set; }

    public IReadOnlyList<SkuQuantity> Items { get; set; } = [];

    public decimal Amount { get; set; }

    public string Currency { get; set; } = "";

    /// <summary>What the customer owes.</summary>
    public Money Total
    {
        get => new(Amount, Currency);
        set => (Amount, Currency) = (value.Amount, value.Currency);
    }

    public string PaymentMethod { get; set; } = "";

    /// <summary>Personal data, kept only until the parcel has left, or will not leave.</summary>
    public ShipTo? Address { get; set; }

    /// <summary>Set when the payment provider has said yes: from then on "declined" is about capturing.</summary>
    public bool Authorized { get; set; }

    public Guid? ShipmentId { get; set; }

    public string? Carrier { get; set; }

    public string? TrackingNumber { get; set; }

    /// <summary>Where the compensation leads; null while all goes well.</summary>
    public Ending? Ending { get; set; }

    /// <summary>Why, in the words that the customer gets.</summary>
    public string? Reason { get; set; }

    /// <summary>Whether money that was charged went back.</summary>
    public bool Refunded { get; set; }

    /// <summary>How often the present step was asked for.</summary>
    public int Attempt { get; set; }

    public Guid? DeadlineTokenId { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    /// <summary>When the present state was entered.</summary>
    public DateTimeOffset ChangedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The timeline, oldest first.</summary>
    public IReadOnlyList<FulfilmentStep> Steps { get; set; } = [];
}

public enum Ending
{
    Failed,
    Cancelled,
}

/// <param name="Step">The state in which the saga waited.</param>
/// <param name="Started">When it asked.</param>
/// <param name="Attempt">1 for the first time of asking.</param>
/// <param name="Ended">When the answer came or the deadline passed; null while waiting.</param>
/// <param name="Outcome">What the answer was; null while waiting.</param>
public sealed record FulfilmentStep(string Step, DateTimeOffset Started, int Attempt, DateTimeOffset? Ended = null, string? Outcome = null);
