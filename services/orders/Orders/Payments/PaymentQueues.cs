namespace Orders.Payments;

/// <summary>Queues of this service for what it sends to itself about payments.</summary>
internal static class PaymentQueues
{
    /// <summary>What is to be asked of the provider.</summary>
    public const string Calls = "orders.payments.calls";
}

/// <summary>The operation is on the payment's record; this says that it is time to ask the provider, for the first time or again.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Operation">What was wanted when this was sent.</param>
/// <param name="IsClaimed">Whether the attempt was written down in the transaction that sent this.</param>
public sealed record ExecutePayment(Guid OrderId, PaymentOperation Operation, bool IsClaimed = false);
