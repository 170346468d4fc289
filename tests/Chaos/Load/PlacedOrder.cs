namespace Shop.Chaos.Load;

/// <summary>What an order is meant to meet on its way.</summary>
public enum OrderKind
{
    Ships,
    OutOfStock,
    Declined,
    SlowCard,
    FlakyCard,
    CaptureFails,
    CancelledInFlight,
    OwnerDeactivated,
    OwnerErased,

    /// <summary>The bank asks the customer, who says yes after a while.</summary>
    ConfirmsPayment,

    /// <summary>The bank asks the customer, who never answers.</summary>
    AbandonsPayment,

    /// <summary>The bank takes its time.</summary>
    ProcessingCard,

    /// <summary>The bank takes its time, and declines.</summary>
    ProcessingDeclined,

    /// <summary>The provider keeps its own failure under the idempotency key.</summary>
    StoredErrorCard,
}

/// <summary>An order that was acknowledged with 201.</summary>
/// <param name="Id">The order.</param>
/// <param name="UserId">Its customer.</param>
/// <param name="TenantId">The customer's tenant.</param>
/// <param name="Kind">What it is meant to meet.</param>
/// <param name="Sku">What was ordered.</param>
/// <param name="Quantity">How many of it.</param>
/// <param name="IdempotencyKey">The key it was placed under.</param>
/// <param name="Answer">The body of the acknowledgement.</param>
public sealed record PlacedOrder(Guid Id, Guid UserId, string? TenantId, OrderKind Kind, string Sku, int Quantity, string IdempotencyKey, string Answer)
{
    /// <summary>Status of each repetition of the same request whose answer was not byte for byte the first one.</summary>
    public List<string> WrongReplays { get; } = [];
}
