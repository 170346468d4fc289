using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Orders.ReadModels;
using Shop.Contracts;

namespace Orders.Payments;

/// <param name="Id">The payment.</param>
/// <param name="OrderId">The order that it is for; one payment per order.</param>
/// <param name="UserId">Who pays.</param>
/// <param name="Status"><c>pending</c>, <c>authorized</c>, <c>captured</c>, <c>declined</c>, <c>voided</c> or <c>refunded</c>.</param>
/// <param name="Amount">What is owed.</param>
/// <param name="PaymentMethod">The provider's handle of the means of payment.</param>
/// <param name="ProviderReference">The provider's id, once known.</param>
/// <param name="DeclineCode">Why the authorization or the capture was refused.</param>
/// <param name="Pending">What is being asked of the provider right now: <c>authorize</c>, <c>capture</c>, <c>void</c> or <c>refund</c>.</param>
/// <param name="WaitsFor">What the provider waits for before it can decide, in its words: <c>requires_action</c> of the customer, <c>processing</c>.</param>
/// <param name="NextActionUrl">Where the customer has to go, when the provider waits for her.</param>
/// <param name="Version">Counts its states.</param>
internal sealed record PaymentView(
    Guid Id,
    Guid OrderId,
    Guid UserId,
    string Status,
    Money Amount,
    string PaymentMethod,
    string? ProviderReference,
    string? DeclineCode,
    string? Pending,
    string? WaitsFor,
    string? NextActionUrl,
    int Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? AuthorizedAt,
    DateTimeOffset? CapturedAt,
    DateTimeOffset? DeclinedAt,
    DateTimeOffset? VoidedAt,
    DateTimeOffset? RefundedAt)
{
    internal static PaymentView Of(Payment p) => new(
        p.Id, p.OrderId, p.UserId, p.Status.ToString().ToLowerInvariant(), p.Amount, p.PaymentMethod, p.ProviderReference, p.DeclineCode,
        p.Operation?.ToString().ToLowerInvariant(), p.WaitsFor, p.NextActionUrl, p.Version, p.CreatedAt, p.AuthorizedAt, p.CapturedAt, p.DeclinedAt,
        p.VoidedAt, p.RefundedAt);
}

/// <summary>Customers see what they pay, operators everything.</summary>
internal static class GetPayments
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/payments", List).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ListPayments").WithSummary("Own payments, the newest first; operators see everybody's.");
        v1.MapGet("/payments/{id:guid}", Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ReadPayment").WithSummary("One payment.");
    }

    private static async Task<Ok<Page<PaymentView>>> List(Guid? orderId, [AsParameters] PageQuery query, DbContext db, Caller caller, CancellationToken ct)
    {
        var payments = db.Set<Payment>().AsNoTracking();
        if (!caller.MaySeeOthers)
        {
            payments = payments.Where(p => p.UserId == caller.UserId);
        }

        if (caller.TenantId is { } tenant)
        {
            payments = payments.Where(p => p.TenantId == tenant);
        }

        if (orderId is { } order)
        {
            payments = payments.Where(p => p.OrderId == order);
        }

        if (query.After<Guid>() is { } after)
        {
            payments = payments.Where(p => p.Id < after);
        }

        var rows = await payments.OrderByDescending(p => p.Id).Take(query.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(rows.ConvertAll(PaymentView.Of), query, p => p.Id));
    }

    private static async Task<Ok<PaymentView>> Get(Guid id, DbContext db, Caller caller, CancellationToken ct)
    {
        var payment = await db.Set<Payment>().AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, ct) ?? throw ProblemException.NotFound();
        OrderAccess.MustSee(caller, payment.UserId, payment.TenantId);
        return TypedResults.Ok(PaymentView.Of(payment));
    }
}
