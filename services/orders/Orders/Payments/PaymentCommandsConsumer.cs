using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;
using Shop.Contracts;

namespace Orders.Payments;

/// <summary>
/// Takes what the saga wants done. Here it is only written down, in one short transaction; the provider is called by <see cref="ExecutePaymentConsumer"/>, outside of any.
/// A command that came before is answered again with what is known.
/// </summary>
public sealed class PaymentCommandsConsumer(DbContext db, TimeProvider clock) :
    IConsumer<AuthorizePayment>, IConsumer<CapturePayment>, IConsumer<VoidPayment>, IConsumer<RefundPayment>
{
    public async Task Consume(ConsumeContext<AuthorizePayment> context)
    {
        var order = context.Message;
        var payment = await db.FindPaymentAsync(order.OrderId, context.CancellationToken);
        if (payment is null)
        {
            payment = Payment.ToAuthorize(
                Ids.New(clock), order.OrderId, order.UserId, order.Amount, order.PaymentMethod, clock.GetUtcNow(), OperationContext.Current.TenantId);
            db.Add(payment);
        }

        await React(context, payment, PaymentOperation.Authorize);
    }

    public async Task Consume(ConsumeContext<VoidPayment> context)
    {
        var order = context.Message;
        var payment = await db.FindPaymentAsync(order.OrderId, context.CancellationToken);
        if (payment is null)
        {
            payment = Payment.NeverToBe(
                Ids.New(clock), order.OrderId, order.UserId, order.Amount, order.PaymentMethod, clock.GetUtcNow(), OperationContext.Current.TenantId);
            db.Add(payment);
        }

        await React(context, payment, PaymentOperation.Void);
    }

    public async Task Consume(ConsumeContext<CapturePayment> context) =>
        await React(context, await Known(context.Message.OrderId, context.CancellationToken), PaymentOperation.Capture);

    public async Task Consume(ConsumeContext<RefundPayment> context) =>
        await React(context, await Known(context.Message.OrderId, context.CancellationToken), PaymentOperation.Refund);

    private async Task<Payment> Known(Guid orderId, CancellationToken ct) =>
        await db.FindPaymentAsync(orderId, ct) ?? throw new InvalidOperationException($"Order {orderId} has no payment.");

    private async Task React(ConsumeContext context, Payment payment, PaymentOperation wanted)
    {
        using var _ = OperationContext.BeginTenant(payment.TenantId);
        switch (payment.Request(wanted, clock.GetUtcNow()))
        {
            case Reaction.Answer:
                await context.PublishEvent(payment.ToEvent(), payment.Version, context.CancellationToken);
                break;
            case Reaction.Execute:
                await context.SendCommand(PaymentQueues.Calls, new ExecutePayment(payment.OrderId, payment.Operation!.Value), payment.OrderId, context.CancellationToken);
                break;
        }

        await db.SaveChangesAsync(context.CancellationToken);
    }
}

internal static class PaymentQueries
{
    /// <summary>What the provider refuses, or leaves unknown, for longer than outages last. A payment that waits for its customer is none: her deadline is the saga's.</summary>
    public static IQueryable<Payment> Stuck(this IQueryable<Payment> payments, DateTimeOffset now) => payments.Where(p =>
        p.Operation != null && (p.OperationSince ?? p.CreatedAt) < now - Payment.StuckAfter && (p.Operation != PaymentOperation.Authorize || p.WaitsFor == null));

    /// <summary>The order's payment, locked until the transaction ends.</summary>
    public static Task<Payment?> FindPaymentAsync(this DbContext db, Guid orderId, CancellationToken ct) =>
        db.Set<Payment>().FromSql($"SELECT * FROM payments WHERE order_id = {orderId} FOR UPDATE").SingleOrDefaultAsync(ct);
}
