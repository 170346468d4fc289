using System.Diagnostics;
using Chassis;
using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <summary>
/// Calls the provider between two transactions: one has claimed the attempt, the other records the outcome, publishes it and takes the saga on. A crash
/// anywhere in between brings the message back, and the deterministic idempotency keys make the second call give the first one's answer.
/// </summary>
[OwnTransaction]
internal sealed partial class ExecutePaymentConsumer(
    DbContext db,
    PaymentExecution execution,
    Fulfilments fulfilments,
    IPublishEndpoint publish,
    ISendEndpointProvider send,
    IOptions<PaymentsOptions> options,
    PaymentMetrics metrics,
    TimeProvider clock,
    ILogger<ExecutePaymentConsumer> logger) : IConsumer<ExecutePayment>
{
    public async Task Consume(ConsumeContext<ExecutePayment> context)
    {
        var (orderId, operation) = (context.Message.OrderId, context.Message.Operation);
        var isFirst = context.Message.IsClaimed && context.IsFirstTry();
        var payment = isFirst
            ? await ClaimedAsync(orderId, operation, context.CancellationToken)
            : await ClaimAsync(orderId, operation, context.CancellationToken);
        while (payment is not null)
        {
            var watch = Stopwatch.GetTimestamp();
            var outcome = await execution.RunAsync(payment, operation, context.CancellationToken);
            metrics.Answered(operation, outcome, Stopwatch.GetElapsedTime(watch));
            payment = await RecordAsync(context.Message, payment.Attempts, outcome, context.CancellationToken);
        }
    }

    /// <returns>Null when something else is wanted by now.</returns>
    private Task<Payment?> ClaimedAsync(Guid orderId, PaymentOperation operation, CancellationToken ct) =>
        db.Set<Payment>().AsNoTracking().SingleOrDefaultAsync(p => p.OrderId == orderId && p.Operation == operation, ct);

    /// <returns>Null when there is nothing left to do.</returns>
    private async Task<Payment?> ClaimAsync(Guid orderId, PaymentOperation operation, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var payment = await db.FindPaymentAsync(orderId, ct);
        if (payment is null || payment.Operation != operation)
        {
            return null;
        }

        payment.Claim(clock.GetUtcNow());
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        db.ChangeTracker.Clear();
        return payment;
    }

    /// <returns>The payment, claimed, when the operation goes on with its next request at once.</returns>
    private async Task<Payment?> RecordAsync(ExecutePayment message, int attempt, PaymentOutcome outcome, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await fulfilments.LockAsync(message.OrderId, ct);
        var payment = await db.FindPaymentAsync(message.OrderId, ct) ?? throw new InvalidOperationException($"The payment of order {message.OrderId} is gone.");
        using var _ = OperationContext.BeginTenant(payment.TenantId);
        var reaction = payment.Record(message.Operation, outcome, clock.GetUtcNow());
        if (reaction == Reaction.Answer)
        {
            await publish.PublishEventAsync(payment.ToEvent(), payment.Version, ct);
            await fulfilments.TellAsync(payment.ToEvent(), ct);
        }
        else if (reaction == Reaction.CheckLater && payment.Attempts == attempt)
        {
            // Of several executions of one operation only the last goes on asking.
            var due = clock.GetUtcNow() + options.Value.CheckAgainAfter(attempt);
            LogUnknown(logger, message.Operation, message.OrderId, attempt, payment.UnknownReason ?? payment.WaitsFor, due);
            await send.SendCommandAsync(PaymentQueues.Calls, message with { IsClaimed = false }, message.OrderId, due, ct);
        }
        else if (reaction == Reaction.Execute)
        {
            payment.Claim(clock.GetUtcNow());
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        db.ChangeTracker.Clear();
        return reaction == Reaction.Execute ? payment : null;
    }

    [LoggerMessage(4201, LogLevel.Warning, "Outcome of {Operation} for order {OrderId} unknown after attempt {Attempt} ({Reason}); asked again at {Due}",
        EventName = "payment.outcome_unknown")]
    private static partial void LogUnknown(ILogger logger, PaymentOperation operation, Guid orderId, int attempt, string? reason, DateTimeOffset due);
}

/// <summary>Calls to the provider wait for it most of the time: more of them may be under way than the service's queues allow by default.</summary>
internal sealed class ConcurrentCalls(IOptions<PaymentsOptions> options) : ConcurrencyOf<ExecutePaymentConsumer>(options.Value.MaxConcurrency);

/// <summary>One operation at the provider, from what is on record to an outcome. From the second attempt on it looks before it acts.</summary>
public sealed class PaymentExecution(IPaymentGateway gateway, TimeProvider clock)
{
    /// <summary>The reference of a payment over nothing, which no provider has seen.</summary>
    public const string NoProvider = "free";

    public async Task<PaymentOutcome> RunAsync(Payment payment, PaymentOperation operation, CancellationToken ct)
    {
        if (payment.Amount.Amount == 0 || payment.ProviderReference == NoProvider)
        {
            return Free(payment, operation);
        }

        return operation switch
        {
            PaymentOperation.Authorize =>
                payment.ProviderReference is null ? await MakeAsync(payment, look: payment.Attempts > 1, ct) : await ConfirmAsync(payment, ct),
            PaymentOperation.Capture => await ChangeAsync(payment, PaymentState.Captured, gateway.CaptureAsync, ct),
            PaymentOperation.Void => await VoidAsync(payment, ct),
            PaymentOperation.Refund => await ChangeAsync(payment, PaymentState.Refunded, gateway.RefundAsync, ct),
            _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, null),
        };
    }

    /// <summary>The payment at the provider, found or made. Nothing is held by making it.</summary>
    private async Task<PaymentOutcome> MakeAsync(Payment payment, bool look, CancellationToken ct) =>
        look && await gateway.FindAsync(payment.OrderId, ct) is Lookup.Found found
            ? PaymentOutcome.Of(found.Payment)
            : await gateway.CreateAsync(payment.Key, payment.Amount, payment.PaymentMethod, ct);

    /// <summary>What was confirmed before is not confirmed again: it is pending, or decided.</summary>
    private async Task<PaymentOutcome> ConfirmAsync(Payment payment, CancellationToken ct)
    {
        var reference = payment.ProviderReference!;
        return payment.Attempts > 1 && await gateway.GetAsync(reference, ct) is Lookup.Found { Payment: { IsUnconfirmed: false } known }
            ? PaymentOutcome.Of(known)
            : await SettleAsync(reference, await gateway.ConfirmAsync(payment.Key, reference, ct), ct);
    }

    /// <summary>
    /// Without a reference nothing was confirmed, at least not by this version. Yet a payment may be on its way to the provider, or one of an earlier version
    /// be held there: making it under its key, unconfirmed, settles which there is, and that one is cancelled.
    /// </summary>
    private async Task<PaymentOutcome> VoidAsync(Payment payment, CancellationToken ct)
    {
        if (payment.ProviderReference is not null)
        {
            return await ChangeAsync(payment, PaymentState.Voided, gateway.VoidAsync, ct);
        }

        return await MakeAsync(payment, look: true, ct) switch
        {
            PaymentOutcome.Created { Payment: var made } => await Cancel(made.Reference),
            PaymentOutcome.Pending { Payment: var pending } => await Cancel(pending.Reference),
            PaymentOutcome.Approved { Payment: { Status: PaymentState.Authorized } authorized } => await Cancel(authorized.Reference),
            var other => other,
        };

        async Task<PaymentOutcome> Cancel(string reference) => await SettleAsync(reference, await gateway.VoidAsync(payment.Key, reference, ct), ct);
    }

    private async Task<PaymentOutcome> ChangeAsync(
        Payment payment, PaymentState goal, Func<PaymentKey, string, CancellationToken, Task<PaymentOutcome>> change, CancellationToken ct)
    {
        var reference = payment.ProviderReference!;
        if (payment.Attempts > 1
            && await gateway.GetAsync(reference, ct) is Lookup.Found { Payment: var known }
            && (known.Status == goal || known.Status != payment.Status))
        {
            return PaymentOutcome.Of(known);
        }

        return await SettleAsync(reference, await change(payment.Key, reference, ct), ct);
    }

    /// <summary>When the provider says that the payment's state does not allow it, that state is the answer.</summary>
    private async Task<PaymentOutcome> SettleAsync(string reference, PaymentOutcome outcome, CancellationToken ct) =>
        outcome is PaymentOutcome.Unknown { Reason: "payment_intent_unexpected_state" or "charge_not_refundable" }
        && await gateway.GetAsync(reference, ct) is Lookup.Found found
            ? PaymentOutcome.Of(found.Payment)
            : outcome;

    /// <summary>Nothing to pay: no provider takes that, and none needs to be asked.</summary>
    private PaymentOutcome.Approved Free(Payment payment, PaymentOperation operation) => new(new ProviderPayment(
        NoProvider,
        operation switch
        {
            PaymentOperation.Authorize => PaymentState.Authorized,
            PaymentOperation.Capture => PaymentState.Captured,
            PaymentOperation.Void => PaymentState.Voided,
            _ => PaymentState.Refunded,
        },
        payment.Amount,
        payment.OrderId,
        null,
        clock.GetUtcNow()));
}
