using Shop.Contracts;

namespace Orders.Payments;

/// <summary>The payment provider. Every change is idempotent by the order: a repeat gets the first answer, and charges nothing again.</summary>
public interface IPaymentGateway
{
    Task<PaymentOutcome> Authorize(Guid orderId, Money amount, string paymentMethod, CancellationToken ct);

    Task<PaymentOutcome> Capture(Guid orderId, string reference, CancellationToken ct);

    Task<PaymentOutcome> Void(Guid orderId, string reference, CancellationToken ct);

    Task<PaymentOutcome> Refund(Guid orderId, string reference, CancellationToken ct);

    /// <summary>How the payment stands at the provider now.</summary>
    Task<Lookup> Get(string reference, CancellationToken ct);

    /// <summary>
    /// The order's payment, when its reference got lost with an answer. "None" is no proof that there will be none: the request may still be on its way.
    /// </summary>
    Task<Lookup> Find(Guid orderId, CancellationToken ct);

    /// <summary>Every payment that the provider knows, newest first.</summary>
    /// <exception cref="PaymentProviderUnavailableException">The provider does not answer.</exception>
    IAsyncEnumerable<IReadOnlyList<ProviderPayment>> List(DateTimeOffset? since, CancellationToken ct);
}

/// <summary>What a change came to.</summary>
public abstract record PaymentOutcome
{
    private PaymentOutcome()
    {
    }

    /// <summary>Done; <paramref name="Payment"/> is how it stands now.</summary>
    public sealed record Approved(ProviderPayment Payment) : PaymentOutcome;

    /// <summary>Refused, and a repeat would be refused as well.</summary>
    public sealed record Declined(string Code, ProviderPayment? Payment = null) : PaymentOutcome;

    /// <summary>It may have happened or not. Never a reason to undo anything; a reason to ask.</summary>
    public sealed record Unknown(string Reason) : PaymentOutcome;

    /// <summary>What it comes to that a payment stands so.</summary>
    public static PaymentOutcome Of(ProviderPayment payment) => payment.Status switch
    {
        PaymentState.Declined => new Declined(payment.DeclineCode ?? "declined", payment),
        PaymentState.Pending => new Unknown("the provider has not decided"),
        _ => new Approved(payment),
    };
}

/// <summary>The answer to a question that changes nothing.</summary>
public abstract record Lookup
{
    private Lookup()
    {
    }

    public sealed record Found(ProviderPayment Payment) : Lookup;

    public sealed record None : Lookup;

    public sealed record Unknown(string Reason) : Lookup;
}

/// <param name="Reference">The provider's id.</param>
/// <param name="Status">In our words.</param>
/// <param name="Amount">What was authorized.</param>
/// <param name="OrderId">The order it is for, when the provider was told.</param>
/// <param name="DeclineCode">Why it was declined.</param>
/// <param name="CreatedAt">When the provider took it.</param>
public sealed record ProviderPayment(string Reference, PaymentState Status, Money Amount, Guid? OrderId, string? DeclineCode, DateTimeOffset CreatedAt);

public sealed class PaymentProviderUnavailableException(string message) : Exception(message);
