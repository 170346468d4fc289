using System.Runtime.CompilerServices;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <param name="CheckedAt">When.</param>
/// <param name="From">Payments older than this were left out; null when all were compared.</param>
/// <param name="Reconciled">Whether there is no difference.</param>
/// <param name="Records">Payments on our side.</param>
/// <param name="ProviderPayments">Payments on the provider's side.</param>
/// <param name="Matched">The same on both.</param>
/// <param name="InFlight">Being worked on right now, so that nothing can be said of them but for how long.</param>
/// <param name="Differences">Everything else. The target is none.</param>
public sealed record Reconciliation(
    DateTimeOffset CheckedAt,
    DateTimeOffset? From,
    bool Reconciled,
    int Records,
    int ProviderPayments,
    int Matched,
    int InFlight,
    IReadOnlyList<PaymentDifference> Differences);

/// <param name="Kind">
/// <c>status</c> or <c>amount</c> (they disagree), <c>missing_at_provider</c>, <c>missing_here</c>; and of the orders: <c>open_after_end</c> (an authorization
/// is still held for an order that has ended), <c>captured_not_shipped</c>, <c>completed_not_captured</c>; and <c>stuck</c>: the provider has refused an
/// operation, or left its outcome unknown, for an hour. Then <paramref name="Ours"/> says what is wanted and since when, <paramref name="Providers"/> the
/// refusal's code or why there is no outcome.
/// </param>
/// <param name="OrderId">The order.</param>
/// <param name="PaymentId">The payment on our side; null when there is none.</param>
/// <param name="ProviderReference">The payment on the provider's side; null when there is none or it is not known.</param>
/// <param name="Ours">What we say.</param>
/// <param name="Providers">What the provider says.</param>
public sealed record PaymentDifference(string Kind, Guid? OrderId, Guid? PaymentId, string? ProviderReference, string? Ours, string? Providers);

/// <summary>Compares our records with the provider's ledger, and with how the orders ended.</summary>
public sealed class ReconcilePayments(DbContext db, IPaymentGateway gateway, TimeProvider clock)
{
    private const int PageSize = 1000;

    // A million payments are ten thousand pages of the provider. Without `from` that is for a job at night, which can wait.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder v1)
    {
        var route = v1.MapGet("/ops/payments/reconciliation", Get).RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ReconcilePayments").WithSummary("Our books against the payment provider's.");
        route.WithRequestTimeout(new RequestTimeoutPolicy { Timeout = Patience, TimeoutStatusCode = StatusCodes.Status503ServiceUnavailable });
        return route;
    }

    public async Task<Reconciliation> RunAsync(DateTimeOffset? from, CancellationToken ct)
    {
        var differences = new List<PaymentDifference>();
        var seen = new HashSet<Guid>();
        var (providers, matched, inFlight) = (0, 0, 0);
        await foreach (var page in gateway.ListAsync(from, ct))
        {
            var references = page.Select(p => p.Reference).ToArray();
            var orders = page.Where(p => p.OrderId is not null).Select(p => p.OrderId!.Value).ToArray();
            var records = await Of(references, orders).ToListAsync(ct);
            foreach (var theirs in page)
            {
                providers++;
                var ours = records.Find(r => r.ProviderReference == theirs.Reference)
                    ?? records.Find(r => r.ProviderReference is null && r.OrderId == theirs.OrderId);
                if (ours is not null)
                {
                    seen.Add(ours.Id);
                }

                if (ours is { Operation: not null })
                {
                    inFlight++;
                }
                else if (await DifferenceAsync(ours, theirs, ct) is { } difference)
                {
                    differences.Add(difference);
                }
                else
                {
                    matched++;
                }
            }
        }

        // Younger ones than the listing's begin may have been paid while it was read.
        var began = clock.GetUtcNow();
        var count = 0;
        await foreach (var ours in SinceAsync(from, ct))
        {
            count++;
            if (seen.Contains(ours.Id) || ours.ProviderReference is null or PaymentExecution.NoProvider)
            {
                inFlight += !seen.Contains(ours.Id) && ours.Operation is not null ? 1 : 0;
                continue;
            }

            if (await gateway.GetAsync(ours.ProviderReference, ct) is Lookup.None)
            {
                differences.Add(new PaymentDifference("missing_at_provider", ours.OrderId, ours.Id, ours.ProviderReference, Word(ours.Status), null));
            }
        }

        differences.AddRange(await AgainstOrdersAsync(ct));
        differences.AddRange(await StuckAsync(began, ct));
        return new Reconciliation(began, from, differences.Count == 0, count, providers, matched, inFlight, differences);
    }

    private static async Task<Ok<Reconciliation>> Get(DateTimeOffset? from, ReconcilePayments reconcile, CancellationToken ct)
    {
        try
        {
            return TypedResults.Ok(await reconcile.RunAsync(from, ct));
        }
        catch (PaymentProviderUnavailableException)
        {
            throw ProblemException.Unavailable("The payment provider does not answer.");
        }
    }

    /// <summary>Page by page: the provider is asked in between, and no statement and no connection waits for it.</summary>
    private async IAsyncEnumerable<Payment> SinceAsync(DateTimeOffset? from, [EnumeratorCancellation] CancellationToken ct)
    {
        List<Payment> page = [];
        do
        {
            var after = page.Count > 0 ? page[^1].Id : Guid.Empty;
            page = await Records().Where(p => p.Id > after && (from == null || p.CreatedAt >= from)).OrderBy(p => p.Id).Take(PageSize).ToListAsync(ct);
            foreach (var payment in page)
            {
                yield return payment;
            }
        }
        while (page.Count == PageSize);
    }

    /// <summary>
    /// Those that the provider knows by one of the references, or that belong to one of the orders. In the words of the indexes: the one of the references
    /// leaves out orders that cost nothing.
    /// </summary>
    public IQueryable<Payment> Of(string[] references, Guid[] orders) => Records().Where(
        p => (p.ProviderReference != null && p.ProviderReference != PaymentExecution.NoProvider && references.Contains(p.ProviderReference))
            || orders.Contains(p.OrderId));

    private IQueryable<Payment> Records() => db.Set<Payment>().AsNoTracking();

    /// <summary>The two sides were read at different moments: what differs is read once more, both sides, before it is called a difference.</summary>
    private async Task<PaymentDifference?> DifferenceAsync(Payment? ours, ProviderPayment theirs, CancellationToken ct)
    {
        if (Compare(ours, theirs) is null)
        {
            return null;
        }

        ours = await Records().FirstOrDefaultAsync(
            p => p.ProviderReference == theirs.Reference || (p.ProviderReference == null && p.OrderId == theirs.OrderId), ct);
        if (ours is { Operation: not null })
        {
            return null;
        }

        return await gateway.GetAsync(theirs.Reference, ct) is Lookup.Found found ? Compare(ours, found.Payment) : Compare(ours, theirs);
    }

    private static PaymentDifference? Compare(Payment? ours, ProviderPayment theirs)
    {
        if (ours is null && theirs.IsUnconfirmed)
        {
            // Made once more after a failure, and never confirmed: no money hangs on it.
            return null;
        }

        if (ours is null)
        {
            return new PaymentDifference("missing_here", theirs.OrderId, null, theirs.Reference, null, Word(theirs.Status));
        }

        if (ours.Status != theirs.Status)
        {
            return new PaymentDifference("status", ours.OrderId, ours.Id, theirs.Reference, Word(ours.Status), Word(theirs.Status));
        }

        // To the last digit: a total that had to be rounded to be charged is a difference.
        return ours.Amount == theirs.Amount
            ? null
            : new PaymentDifference("amount", ours.OrderId, ours.Id, theirs.Reference, Text(ours.Amount), Text(theirs.Amount));
    }

    private async Task<List<PaymentDifference>> AgainstOrdersAsync(CancellationToken ct)
    {
        var wrong =
            from payment in Records()
            join order in db.Set<FulfilmentState>().AsNoTracking() on payment.OrderId equals order.CorrelationId
            where payment.Operation == null && order.FinishedAt != null
                && (payment.Status == PaymentState.Authorized
                    || (payment.Status == PaymentState.Captured && order.ShipmentId == null)
                    || (payment.Status != PaymentState.Captured && order.CurrentState == nameof(FulfilmentStateMachine.Completed)))
            select new { payment, order.CurrentState, order.ShipmentId };
        return (await wrong.Take(1000).ToListAsync(ct)).ConvertAll(w => new PaymentDifference(
            w.payment.Status == PaymentState.Authorized ? "open_after_end"
                : w.payment.Status == PaymentState.Captured ? "captured_not_shipped"
                : "completed_not_captured",
            w.payment.OrderId,
            w.payment.Id,
            w.payment.ProviderReference,
            Word(w.payment.Status),
            null));
    }

    private async Task<IEnumerable<PaymentDifference>> StuckAsync(DateTimeOffset now, CancellationToken ct) =>
        (await Records().Stuck(now).Take(1000).ToListAsync(ct)).Select(p => new PaymentDifference(
            "stuck",
            p.OrderId,
            p.Id,
            p.ProviderReference,
            FormattableString.Invariant($"{p.Operation.ToString()!.ToLowerInvariant()} since {p.OperationSince ?? p.CreatedAt:O}"),
            p.UnknownReason ?? p.WaitsFor));

    private static string Word(PaymentState status) => status.ToString().ToLowerInvariant();

    private static string Text(Shop.Contracts.Money money) => FormattableString.Invariant($"{money.Amount} {money.Currency}");
}
