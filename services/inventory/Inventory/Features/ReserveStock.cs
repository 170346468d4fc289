using System.Diagnostics;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>A command with what it belongs to, since it may be handled together with others.</summary>
public sealed record ReservationRequest(V1.ReserveStock Command, OperationContext Operation, Activity? Activity)
{
    /// <summary>Does something under the operation and the trace that the request came with.</summary>
    public async Task InItsContextAsync(Func<Task> work)
    {
        var previous = Activity.Current;
        using (OperationContext.Begin(Operation))
        {
            Activity.Current = Activity;
            try
            {
                await work();
            }
            finally
            {
                Activity.Current = previous;
            }
        }
    }
}

/// <summary>
/// Sets everything aside that an order needs, or nothing. However often it is asked for one order, it is done once and answered the same.
/// Several orders are handled in one transaction, one after the other in their order, on stock that is locked for all of them.
/// </summary>
public sealed class ReserveStockHandler(
    InventoryDbContext db,
    RecipeBook recipes,
    StockLedger ledger,
    StockSignals signals,
    IPublishEndpoint publish,
    IOptions<ReservationOptions> options,
    InventoryMetrics metrics,
    TimeProvider clock)
{
    private const int MaxAttempts = 5;

    public Task Handle(V1.ReserveStock command, CancellationToken ct) =>
        Handle([new ReservationRequest(command, OperationContext.Current, Activity.Current)], ct);

    /// <param name="requests">Each for another order.</param>
    /// <param name="ct">Cancels.</param>
    public async Task Handle(IReadOnlyList<ReservationRequest> requests, CancellationToken ct)
    {
        var parts = await recipes.PartsOfAsync([.. requests.SelectMany(r => r.Command.Items, (_, i) => i.Sku).Distinct(StringComparer.Ordinal)], ct);
        var plans = requests
            .Select(r => new Plan(r, ReservationPlan.Of(r.Command.OrderId, r.Operation.TenantId, r.Command.Items.AsOurs(), parts))).ToList();

        // Somebody else's transaction cannot be tried again here.
        var attempts = db.Database.CurrentTransaction is null ? MaxAttempts : 1;
        for (var attempt = 1; attempt <= attempts; attempt++)
        {
            await using var transaction = await db.BeginOrJoinAsync(ct);
            if (await TryAsync(plans, ct))
            {
                await db.SaveChangesAsync(ct);
                await transaction.CommitAsync(ct);
                return;
            }

            // An order was released for the first time in this very moment. Nothing was published yet, and the next look will find it.
            await transaction.DisposeAsync();
        }

        throw new TimeoutException("Some order's reservation was written by somebody else again and again.");
    }

    private async Task<bool> TryAsync(IReadOnlyList<Plan> plans, CancellationToken ct)
    {
        var (stock, known) = await ledger.LockAsync(
            plans.SelectMany(p => p.Wanted.Lines, (_, l) => l.Sku).Distinct(StringComparer.Ordinal), plans.Select(p => p.OrderId), ct);
        var now = clock.Now();
        var made = new List<(Plan Plan, Reservation Reservation)>(plans.Count);
        var taken = new List<BookedLine>(plans.Count);
        foreach (var plan in plans.Where(p => !known.Contains(p.OrderId)))
        {
            var (reservation, after) = plan.Wanted.Decide(stock, now, options.Value.ExpireAfter);
            foreach (var (line, figures) in reservation.Lines.Zip(after))
            {
                stock[line.Sku] = figures;
                taken.Add(new BookedLine(plan.OrderId, line.Quantity, figures, plan.Request.Operation));
            }

            made.Add((plan, reservation));
        }

        if (made.Count > 0 && !await ledger.BookAsync([.. made.Select(m => m.Reservation)], taken, ct))
        {
            return false;
        }

        foreach (var (plan, reservation) in made)
        {
            await plan.Request.InItsContextAsync(() => AnswerAsync(reservation, ct));
        }

        foreach (var line in taken)
        {
            using (OperationContext.Begin(line.Operation))
            {
                await signals.TellIfLowAsync(line.After, line.Quantity, ct);
            }
        }

        foreach (var plan in plans.Where(p => known.Contains(p.OrderId)))
        {
            var reservation = await db.Reservations.AsNoTracking().SingleAsync(r => r.OrderId == plan.OrderId, ct);
            await plan.Request.InItsContextAsync(() => AnswerAsync(reservation, ct));
        }

        metrics.Decided(db, plans.Count, [.. made.Select(m => m.Reservation)]);
        return true;
    }

    private async Task AnswerAsync(Reservation reservation, CancellationToken ct)
    {
        using var _ = OperationContext.BeginTenant(reservation.TenantId);
        await (reservation.Status switch
        {
            ReservationStatus.Failed => publish.PublishEventAsync(
                new V1.StockReservationFailed(reservation.OrderId, reservation.Reason!, (reservation.Shortages ?? []).ForOthers(), reservation.EndedAt!.Value),
                1,
                ct),

            // Nothing is set aside now, and nothing will be: whoever asked must not count on it.
            ReservationStatus.Released => publish.PublishEventAsync(
                new V1.StockReservationFailed(reservation.OrderId, $"Released already: {reservation.Reason}", [], reservation.EndedAt!.Value),
                reservation.Version,
                ct),

            _ => publish.PublishEventAsync(new V1.StockReserved(reservation.OrderId, reservation.Lines.ForOthers(), reservation.ReservedAt!.Value), 1, ct),
        });
    }

    private sealed record Plan(ReservationRequest Request, ReservationPlan Wanted)
    {
        public Guid OrderId => Wanted.OrderId;
    }
}

/// <summary>Its reservation is committed together with those of others, and a duplicate is known by its order.</summary>
[OwnTransaction]
internal sealed class ReserveStockConsumer(GroupCommit<ReservationRequest> reservations) : IConsumer<V1.ReserveStock>
{
    public Task Consume(ConsumeContext<V1.ReserveStock> context) =>
        reservations.CommitAsync(new ReservationRequest(context.Message, OperationContext.Current, Activity.Current), context.CancellationToken);
}
