using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <summary>
/// The provider is asked now, and not when the pause is over, about an operation that has no outcome yet. It is the attempt that would have come by itself,
/// earlier: under the operation's key, and looking before it acts.
/// </summary>
internal sealed class AskProvider(DbContext db, Fulfilments fulfilments, ICommandTimers timers, ISendEndpointProvider send, TimeProvider clock)
{
    public static RouteHandlerBuilder Map(IEndpointRouteBuilder v1) => v1.MapPost("/ops/payments/{id:guid}/ask", Post)
        .RequireSystemOperator(Permissions.ActOnOperations)
        .WithIdempotencyKey()
        .WithName("AskPaymentProvider")
        .WithSummary("Asks the provider now about a payment whose outcome is pending or not known.")
        .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);

    /// <exception cref="ProblemException">404 without such a payment; 409 when nothing is asked of the provider.</exception>
    public async Task Handle(Guid id, CancellationToken ct)
    {
        var order = await db.Set<Payment>().Where(p => p.Id == id).Select(p => (Guid?)p.OrderId).SingleOrDefaultAsync(ct)
            ?? throw ProblemException.NotFound("There is no such payment.");
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await fulfilments.LockAsync(order, ct);
        var payment = await db.FindPaymentAsync(order, ct) ?? throw ProblemException.NotFound("There is no such payment.");
        if (payment.Operation is not { } operation)
        {
            throw ProblemException.Conflict("nothing_pending", "Nothing is being asked of the provider about this payment.");
        }

        // As a rule the next time of asking waits in the outbox. Where nothing does, it is being asked at this moment, or is not any more since its message was
        // given up: then this is one attempt more, and by the count the one under way knows that it is not the last, and leaves it to this one to go on.
        if (!await timers.HastenAsync(db, PaymentQueues.Calls, order, ct))
        {
            using var _ = OperationContext.BeginTenant(payment.TenantId);
            payment.Claim(clock.GetUtcNow());
            await send.SendCommandAsync(PaymentQueues.Calls, new ExecutePayment(order, operation, IsClaimed: true), order, ct);
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    private static async Task<Accepted> Post(Guid id, AskProvider ask, CancellationToken ct)
    {
        await ask.Handle(id, ct);
        return TypedResults.Accepted($"/v1/payments/{id}");
    }
}
