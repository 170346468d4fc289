using Shop.Contracts;
using Shop.Contracts.Orders.V1;

namespace Orders.Payments;

/// <summary>What the customer owes for one order, and how far the provider has come with it. One per order.</summary>
/// <remarks>
/// <see cref="Status"/> is what is known of the provider's side; <see cref="Operation"/> is what is being asked of it. Between the two the provider may have
/// acted already: that is why nothing is concluded from an operation that got no answer, other than to ask again under the same key.
/// </remarks>
public sealed class Payment
{
    /// <summary>After this long without an end an operation is stuck: far longer than any outage that mends itself, and a person should look.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromHours(1);

    public Guid Id { get; private set; }

    public Guid OrderId { get; private set; }

    public Guid UserId { get; private set; }

    public string? TenantId { get; init; }

    /// <summary>What is owed.</summary>
    public Money Amount
    {
        get => new(AmountValue, Currency);
        private set => (AmountValue, Currency) = (value.Amount, value.Currency);
    }

    public string PaymentMethod { get; private set; } = "";

    public PaymentState Status { get; private set; }

    /// <summary>What is under way at the provider; null when nothing is.</summary>
    public PaymentOperation? Operation { get; private set; }

    /// <summary>Since when the present operation is wanted; null when there is none, or when an earlier version wrote it down.</summary>
    public DateTimeOffset? OperationSince { get; private set; }

    /// <summary>How often the provider was asked for the present operation.</summary>
    public int Attempts { get; private set; }

    /// <summary>The provider was asked for a payment: even without an answer there may be one.</summary>
    public bool AuthorizationAttempted { get; private set; }

    /// <summary>How many keys the provider has answered with failures of its own, or with what leaves an operation open.</summary>
    public int KeyGeneration { get; private set; }

    /// <summary>The provider's id of the payment, once known.</summary>
    public string? ProviderReference { get; private set; }

    /// <summary>Why the authorization or, on an authorized payment, the capture was refused.</summary>
    public string? DeclineCode { get; private set; }

    /// <summary>
    /// Why the outcome of the last attempt is not known, or the code with which the provider refuses what must happen; null when all is well.
    /// </summary>
    public string? UnknownReason { get; private set; }

    /// <summary>
    /// What the provider waits for before it can decide, in its words: <c>requires_action</c> of the customer, <c>processing</c>. Null when it does not wait.
    /// </summary>
    public string? WaitsFor { get; private set; }

    /// <summary>Where the customer has to go, when the provider waits for her.</summary>
    public string? NextActionUrl { get; private set; }

    /// <summary>How many states it has had: the order of its events.</summary>
    public int Version { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public DateTimeOffset? AuthorizedAt { get; private set; }

    public DateTimeOffset? CapturedAt { get; private set; }

    public DateTimeOffset? DeclinedAt { get; private set; }

    public DateTimeOffset? VoidedAt { get; private set; }

    public DateTimeOffset? RefundedAt { get; private set; }

    private decimal AmountValue { get; set; }

    private string Currency { get; set; } = "";

    /// <summary>Under which the provider is asked next.</summary>
    public PaymentKey Key => new(OrderId, KeyGeneration);

    /// <summary>The hold is there and the provider will not turn it into money.</summary>
    public bool CaptureRefused => Status == PaymentState.Authorized && DeclineCode is not null;

    public static Payment ToAuthorize(
        Guid id, Guid orderId, Guid userId, Money amount, string paymentMethod, DateTimeOffset now, string? tenantId = null) =>
        new()
        {
            Id = id,
            TenantId = tenantId,
            OrderId = orderId,
            UserId = userId,
            Amount = amount,
            PaymentMethod = paymentMethod,
            Operation = PaymentOperation.Authorize,
            OperationSince = now,
            CreatedAt = now,
            UpdatedAt = now,
        };

    /// <summary>Voided before it began, so that an authorization that arrives late is refused.</summary>
    public static Payment VoidedBeforehand(Guid id, Guid orderId, Guid userId, Money amount, string paymentMethod, DateTimeOffset now, string? tenantId = null)
    {
        var payment = ToAuthorize(id, orderId, userId, amount, paymentMethod, now, tenantId);
        payment.VoidOnRecord(now);
        return payment;
    }

    /// <summary>What somebody wants done, against what is known.</summary>
    public Reaction Request(PaymentOperation wanted, DateTimeOffset now) => (wanted, Status) switch
    {
        (PaymentOperation.Authorize, PaymentState.Pending) => Operation == PaymentOperation.Authorize ? Reaction.Execute : Reaction.None,
        (PaymentOperation.Capture, PaymentState.Pending) => throw new InvalidOperationException($"Payment {Id} cannot be captured before it is authorized."),
        (PaymentOperation.Capture, PaymentState.Authorized) when CaptureRefused => Reaction.Answer,
        (PaymentOperation.Capture, PaymentState.Authorized) => Operation == PaymentOperation.Void ? Reaction.None : Begin(PaymentOperation.Capture, now),
        (PaymentOperation.Void or PaymentOperation.Refund, PaymentState.Pending) when !AuthorizationAttempted => VoidOnRecord(now),
        (PaymentOperation.Void or PaymentOperation.Refund, PaymentState.Pending or PaymentState.Authorized) => Begin(PaymentOperation.Void, now),
        (PaymentOperation.Refund, PaymentState.Captured) => Begin(PaymentOperation.Refund, now),
        _ => Reaction.Answer,
    };

    /// <summary>The provider is about to be asked. Committed before it is, so that a crash in between leaves a trace.</summary>
    public void Claim(DateTimeOffset now)
    {
        Attempts++;
        AuthorizationAttempted |= Operation == PaymentOperation.Authorize;
        UpdatedAt = now;
    }

    /// <summary>What the provider's answer means.</summary>
    /// <param name="operation">The operation that was executed; another may have been asked for meanwhile, and has its own execution to come.</param>
    /// <param name="outcome">The answer.</param>
    /// <param name="now">When.</param>
    public Reaction Record(PaymentOperation operation, PaymentOutcome outcome, DateTimeOffset now)
    {
        if (Operation is null)
        {
            return Reaction.None;
        }

        UpdatedAt = now;
        UnknownReason = (outcome as PaymentOutcome.Unknown)?.Reason;
        (WaitsFor, NextActionUrl) = outcome is PaymentOutcome.Pending { Payment: var waiting } ? (waiting.WaitsFor, waiting.NextActionUrl) : (null, null);
        var reaction = outcome switch
        {
            PaymentOutcome.Created created => RecordCreated(operation, created.Payment),
            PaymentOutcome.Pending pending => RecordPending(operation, pending.Payment),
            PaymentOutcome.Approved approved => RecordApproved(operation, approved.Payment, now),
            PaymentOutcome.Declined declined => RecordDeclined(operation, declined, now),
            _ => Operation == operation ? Reaction.CheckLater : Reaction.None,
        };

        // The provider keeps every answer under its key. One that leaves the operation open, such as a void that came too early, would be all that a repeat
        // gets.
        var answeredInVain = outcome is not PaymentOutcome.Unknown && operation != PaymentOperation.Authorize && reaction == Reaction.CheckLater;
        KeyGeneration += answeredInVain || outcome is PaymentOutcome.Unknown { KeySpent: true } ? 1 : 0;
        return reaction;
    }

    /// <summary>The reference is on record before anything is confirmed: from here on there is nothing at the provider that could not be found.</summary>
    private Reaction RecordCreated(PaymentOperation operation, ProviderPayment provider)
    {
        if (ProviderReference is not null || Operation != operation)
        {
            return RecordPending(operation, provider);
        }

        ProviderReference = provider.Reference;
        Attempts = 0;
        return Reaction.Execute;
    }

    private Reaction RecordPending(PaymentOperation operation, ProviderPayment provider)
    {
        ProviderReference ??= provider.Reference;
        return Operation == operation ? Reaction.CheckLater : Reaction.None;
    }

    private Reaction RecordApproved(PaymentOperation operation, ProviderPayment provider, DateTimeOffset now)
    {
        ProviderReference = provider.Reference;
        var changed = provider.Status != Status;
        if (changed)
        {
            Change(provider.Status, now);
        }

        var open = (Status, Operation) is (PaymentState.Authorized, PaymentOperation.Capture or PaymentOperation.Void)
            or (PaymentState.Captured, PaymentOperation.Refund);
        if (open)
        {
            return Operation == operation ? Reaction.CheckLater : changed ? Reaction.Answer : Reaction.None;
        }

        Finish();
        return Reaction.Answer;
    }

    private Reaction RecordDeclined(PaymentOperation operation, PaymentOutcome.Declined declined, DateTimeOffset now)
    {
        switch (Status, operation)
        {
            case (PaymentState.Pending, _):
                DeclineCode = declined.Code;
                ProviderReference ??= declined.Payment?.Reference;
                Change(PaymentState.Declined, now);
                Finish();
                return Reaction.Answer;

            case (PaymentState.Authorized, PaymentOperation.Capture):
                DeclineCode = declined.Code;
                Version++;
                if (Operation != PaymentOperation.Capture)
                {
                    return Reaction.None;
                }

                Finish();
                return Reaction.Answer;

            default:
                // A void or a refund must happen.
                UnknownReason = declined.Code;
                return Operation == operation ? Reaction.CheckLater : Reaction.None;
        }
    }

    /// <summary>The state as the outside is told.</summary>
    public PaymentProcessed ToEvent() => new(
        Id,
        OrderId,
        UserId,
        CaptureRefused
            ? PaymentStatus.Declined
            : Status switch
            {
                PaymentState.Authorized => PaymentStatus.Authorized,
                PaymentState.Captured => PaymentStatus.Captured,
                PaymentState.Declined => PaymentStatus.Declined,
                PaymentState.Voided => PaymentStatus.Voided,
                PaymentState.Refunded => PaymentStatus.Refunded,
                _ => throw new InvalidOperationException($"Payment {Id} has no outcome yet."),
            },
        Amount,
        UpdatedAt,
        DeclineCode);

    private Reaction Begin(PaymentOperation operation, DateTimeOffset now)
    {
        if (Operation != operation)
        {
            Operation = operation;
            OperationSince = now;
            Attempts = 0;
            UpdatedAt = now;
        }

        return Reaction.Execute;
    }

    private void Change(PaymentState status, DateTimeOffset now)
    {
        Status = status;
        Version++;
        UpdatedAt = now;
        AuthorizedAt = status == PaymentState.Authorized ? now : AuthorizedAt;
        CapturedAt = status == PaymentState.Captured ? now : CapturedAt;
        DeclinedAt = status == PaymentState.Declined ? now : DeclinedAt;
        VoidedAt = status == PaymentState.Voided ? now : VoidedAt;
        RefundedAt = status == PaymentState.Refunded ? now : RefundedAt;
    }

    private void Finish()
    {
        Operation = null;
        OperationSince = null;
        Attempts = 0;
    }

    private Reaction VoidOnRecord(DateTimeOffset now)
    {
        Change(PaymentState.Voided, now);
        Finish();
        return Reaction.Answer;
    }
}
