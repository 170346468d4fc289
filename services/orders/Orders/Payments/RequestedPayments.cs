using Chassis;
using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;
using Shop.Contracts.Orders.V1;

namespace Orders.Payments;

/// <summary>
/// Takes what the saga wants done. Here it is only written down, in the saga's transaction; the provider is called by <see cref="ExecutePaymentConsumer"/>,
/// outside of any. What was asked for before is answered with what is known.
/// </summary>
internal sealed class RequestedPayments(DbContext db, IPublishEndpoint publish, ISendEndpointProvider send, TimeProvider clock) : IPayments
{
    public async Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct)
    {
        var (payment, now) = (await db.FindPaymentAsync(request.OrderId, ct), clock.GetUtcNow());
        var before = payment?.Version ?? 0;
        payment ??= db.Add(request switch
        {
            AuthorizePayment r => Payment.ToAuthorize(Ids.New(clock), r.OrderId, r.UserId, r.Amount, r.PaymentMethod, now, OperationContext.Current.TenantId),
            VoidPayment r => Payment.VoidedBeforehand(Ids.New(clock), r.OrderId, r.UserId, r.Amount, r.PaymentMethod, now, OperationContext.Current.TenantId),
            _ => throw new NonTransientException($"Order {request.OrderId} has no payment."),
        }).Entity;

        using var _ = OperationContext.BeginTenant(payment.TenantId);
        switch (payment.Request(OperationOf(request), now))
        {
            case Reaction.Answer:
                if (payment.Version != before)
                {
                    await publish.PublishEventAsync(payment.ToEvent(), payment.Version, ct);
                }

                return payment.ToEvent();
            case Reaction.Execute:
                payment.Claim(now);
                await send.SendCommandAsync(
                    PaymentQueues.Calls, new ExecutePayment(payment.OrderId, payment.Operation!.Value, IsClaimed: true), payment.OrderId, ct);
                return null;
            default:
                return null;
        }
    }

    public async Task<PaymentProcessed?> OutcomeAsync(Guid orderId, CancellationToken ct) =>
        await db.FindPaymentAsync(orderId, ct) is { Status: not PaymentState.Pending } payment ? payment.ToEvent() : null;

    private static PaymentOperation OperationOf(PaymentRequest request) => request switch
    {
        AuthorizePayment => PaymentOperation.Authorize,
        CapturePayment => PaymentOperation.Capture,
        VoidPayment => PaymentOperation.Void,
        RefundPayment => PaymentOperation.Refund,
        _ => throw new ArgumentOutOfRangeException(nameof(request), request, null),
    };
}

internal static class PaymentQueries
{
    /// <summary>
    /// What the provider refuses, or leaves unknown, for longer than outages last. A payment that waits for its customer is none: her deadline is the saga's.
    /// </summary>
    public static IQueryable<Payment> Stuck(this IQueryable<Payment> payments, DateTimeOffset now) => payments.Where(p =>
        p.Operation != null
            && (p.OperationSince ?? p.CreatedAt) < now - Payment.StuckAfter
            && (p.Operation != PaymentOperation.Authorize || p.WaitsFor == null));

    /// <summary>The order's payment, locked until the transaction ends.</summary>
    public static Task<Payment?> FindPaymentAsync(this DbContext db, Guid orderId, CancellationToken ct) =>
        db.Set<Payment>().FromSql($"SELECT * FROM payments WHERE order_id = {orderId} FOR UPDATE").SingleOrDefaultAsync(ct);
}
