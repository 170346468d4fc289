using Shop.Contracts;

namespace Orders.Payments;

/// <summary>
/// The payment provider. A payment is made first and confirmed afterwards, so that its reference is on record before money can move. Every change is idempotent
/// by its key: a repeat gets the first answer, and charges nothing again.
/// </summary>
public interface IPaymentGateway
{
    /// <summary>Makes the order's payment at the provider. No money moves by that.</summary>
    Task<PaymentOutcome> CreateAsync(PaymentKey key, Money amount, string paymentMethod, CancellationToken ct);

    /// <summary>Asks for the authorization. One payment is authorized once at most, under however many keys.</summary>
    Task<PaymentOutcome> ConfirmAsync(PaymentKey key, string reference, CancellationToken ct);

    Task<PaymentOutcome> CaptureAsync(PaymentKey key, string reference, CancellationToken ct);

    /// <summary>Legal as soon as the payment is there: what was never confirmed, or waits for its customer, is cancelled like what is held.</summary>
    Task<PaymentOutcome> VoidAsync(PaymentKey key, string reference, CancellationToken ct);

    Task<PaymentOutcome> RefundAsync(PaymentKey key, string reference, CancellationToken ct);

    /// <summary>How the payment stands at the provider now.</summary>
    Task<Lookup> GetAsync(string reference, CancellationToken ct);

    /// <summary>
    /// The order's payment, when its reference got lost with an answer. "None" is no proof that there will be none: the request may still be on its way.
    /// </summary>
    Task<Lookup> FindAsync(Guid orderId, CancellationToken ct);

    /// <summary>Every payment that the provider knows, newest first.</summary>
    /// <exception cref="PaymentProviderUnavailableException">The provider does not answer.</exception>
    IAsyncEnumerable<IReadOnlyList<ProviderPayment>> ListAsync(DateTimeOffset? since, CancellationToken ct);
}

/// <summary>Names an order's request to the provider, the same for every repeat.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Generation">
/// Goes up when the provider has answered with a failure of its own, or refused what must happen: it keeps that answer under the key for a day, so that the
/// next request needs another one.
/// </param>
public readonly record struct PaymentKey(Guid OrderId, int Generation)
{
    public string For(string operation) => Generation == 0 ? $"order-{OrderId}-{operation}" : $"order-{OrderId}-{operation}-{Generation}";
}

/// <summary>What a change came to.</summary>
public abstract record PaymentOutcome
{
    private PaymentOutcome()
    {
    }

    /// <summary>The payment is there and unconfirmed: nothing is held, and nothing will be before it is confirmed.</summary>
    public sealed record Created(ProviderPayment Payment) : PaymentOutcome;

    /// <summary>
    /// The provider knows the payment and waits, for its customer or for somebody behind it. It can be asked for, and cancelled, by its reference.
    /// </summary>
    public sealed record Pending(ProviderPayment Payment) : PaymentOutcome;

    /// <summary>Done; <paramref name="Payment"/> is how it stands now.</summary>
    public sealed record Approved(ProviderPayment Payment) : PaymentOutcome;

    /// <summary>Refused, and a repeat would be refused as well.</summary>
    public sealed record Declined(string Code, ProviderPayment? Payment = null) : PaymentOutcome;

    /// <summary>It may have happened or not. Never a reason to undo anything; a reason to ask.</summary>
    /// <param name="Reason">Why.</param>
    /// <param name="KeySpent">The provider failed, and may give that answer again to every repeat under the same key.</param>
    public sealed record Unknown(string Reason, bool KeySpent = false) : PaymentOutcome;

    /// <summary>What it comes to that a payment stands so.</summary>
    public static PaymentOutcome Of(ProviderPayment payment) => payment.Status switch
    {
        PaymentState.Declined => new Declined(payment.DeclineCode ?? "declined", payment),
        PaymentState.Pending => payment.IsUnconfirmed ? new Created(payment) : new Pending(payment),
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
/// <param name="WaitsFor">While it is pending, what for, in the provider's words: <c>requires_action</c>, <c>processing</c>.</param>
/// <param name="NextActionUrl">Where the customer has to go, when it waits for her.</param>
public sealed record ProviderPayment(
    string Reference,
    PaymentState Status,
    Money Amount,
    Guid? OrderId,
    string? DeclineCode,
    DateTimeOffset CreatedAt,
    string? WaitsFor = null,
    string? NextActionUrl = null)
{
    /// <summary><see cref="WaitsFor"/> of a payment that was made and nothing else.</summary>
    public const string Confirmation = "requires_confirmation";

    public bool IsUnconfirmed => Status == PaymentState.Pending && WaitsFor == Confirmation;
}

internal sealed class PaymentProviderUnavailableException(string message) : Exception(message);
