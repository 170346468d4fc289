using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Orders.Features;
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
/// <param name="Attempts">How often the provider was asked for what is pending; for operators only.</param>
/// <param name="PendingSince">Since when that is wanted; for operators only.</param>
/// <param name="UnknownReason">
/// Why its outcome is not known, or the code with which the provider refuses what must happen; null when all is well. For operators only.
/// </param>
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
    DateTimeOffset? RefundedAt,
    int? Attempts,
    DateTimeOffset? PendingSince,
    string? UnknownReason)
{
    internal static PaymentView Of(Payment p, bool forOperators) => new(
        p.Id, p.OrderId, p.UserId, p.Status.ToString().ToLowerInvariant(), p.Amount, p.PaymentMethod, p.ProviderReference, p.DeclineCode,
        p.Operation?.ToString().ToLowerInvariant(), p.WaitsFor, p.NextActionUrl, p.Version, p.CreatedAt, p.AuthorizedAt, p.CapturedAt, p.DeclinedAt,
        p.VoidedAt, p.RefundedAt, forOperators && p.Operation is not null ? p.Attempts : null,
        forOperators && p.Operation is not null ? p.OperationSince ?? p.CreatedAt : null, forOperators ? p.UnknownReason : null);
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

    /// <param name="orderId">Only the order's.</param>
    /// <param name="status">Only payments that are this far.</param>
    /// <param name="unknown">True: only those of which the outcome of what is pending is not known, or is refused. False: only the others.</param>
    /// <param name="query">Which page.</param>
    /// <param name="db">The records.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="ct">Cancels.</param>
    private static async Task<Ok<Page<PaymentView>>> List(
        Guid? orderId, [MaxLength(20)] string? status, bool? unknown, [AsParameters] PageQuery query, DbContext db, Caller caller, CancellationToken ct)
    {
        if (unknown is not null && !caller.MaySeeOthers)
        {
            throw ProblemException.Forbidden("What the provider owes us is for operators.");
        }

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

        if (QueryValues.Of<PaymentState>("status", status) is { } state)
        {
            payments = payments.Where(p => p.Status == state);
        }

        payments = unknown switch
        {
            true => payments.Where(p => p.Operation != null && p.UnknownReason != null),
            false => payments.Where(p => p.Operation == null || p.UnknownReason == null),
            null => payments,
        };

        if (query.After<Guid>() is { } after)
        {
            payments = payments.Where(p => p.Id < after);
        }

        var rows = await payments.OrderByDescending(p => p.Id).Take(query.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(rows.ConvertAll(p => PaymentView.Of(p, caller.MaySeeOthers)), query, p => p.Id));
    }

    private static async Task<Ok<PaymentView>> Get(Guid id, DbContext db, Caller caller, CancellationToken ct)
    {
        var payment = await db.Set<Payment>().AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, ct) ?? throw ProblemException.NotFound();
        OrderAccess.MustSee(caller, payment.UserId, payment.TenantId);
        return TypedResults.Ok(PaymentView.Of(payment, caller.MaySeeOthers));
    }
}
