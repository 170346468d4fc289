using System.Diagnostics;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>A command with what it belongs to, since it may be handled together with others.</summary>
public sealed record ReservationRequest(ReserveStock Command, OperationContext Operation, Activity? Activity)
{
    /// <summary>Does something under the operation and the trace that the request came with.</summary>
    public async Task AsItself(Func<Task> work)
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
    TimeProvider clock)
{
    private const int MaxAttempts = 5;

    public Task Handle(ReserveStock command, CancellationToken ct) =>
        Handle([new ReservationRequest(command, OperationContext.Current, Activity.Current)], ct);

    /// <param name="requests">Each for another order.</param>
    /// <param name="ct">Cancels.</param>
    public async Task Handle(IReadOnlyList<ReservationRequest> requests, CancellationToken ct)
    {
        InventoryMetrics.Group(requests.Count);
        var plans = await PlanAsync(requests, ct);

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
            plans.SelectMany(p => p.Lines, (_, l) => l.Sku).Distinct(StringComparer.Ordinal), plans.Select(p => p.OrderId), ct);
        var now = clock.Now();
        var made = new List<(Plan Plan, Reservation Reservation)>(plans.Count);
        var taken = new List<BookedLine>(plans.Count);
        foreach (var plan in plans.Where(p => !known.Contains(p.OrderId)))
        {
            var reservation = Decide(plan, stock, taken, now);
            made.Add((plan, reservation));
            InventoryMetrics.Decided(reservation.Status);
        }

        if (made.Count > 0 && !await ledger.BookAsync([.. made.Select(m => m.Reservation)], taken, ct))
        {
            return false;
        }

        foreach (var (plan, reservation) in made)
        {
            await plan.Request.AsItself(() => AnswerAsync(reservation, ct));
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
            await plan.Request.AsItself(() => AnswerAsync(reservation, ct));
        }

        return true;
    }

    /// <summary>All of it or nothing, on the figures as the orders before it left them.</summary>
    private Reservation Decide(Plan plan, Dictionary<string, StockFigures> stock, List<BookedLine> taken, DateTimeOffset now)
    {
        Shortage[] shortages =
        [
            .. plan.Lines.Where(l => stock[l.Sku].Available < l.Quantity).Select(l => new Shortage(l.Sku, l.Quantity, stock[l.Sku].Available)),
        ];
        var problem = plan.Problem ?? (shortages.Length > 0 ? Describe(shortages) : null);
        if (problem is null)
        {
            foreach (var line in plan.Lines)
            {
                var before = stock[line.Sku];
                var after = stock[line.Sku] = before with { Reserved = before.Reserved + line.Quantity, Version = before.Version + 1 };
                taken.Add(new BookedLine(plan.OrderId, line.Quantity, after, plan.Request.Operation));
            }
        }

        return new Reservation
        {
            OrderId = plan.OrderId,
            TenantId = plan.Request.Operation.TenantId,
            Status = problem is null ? ReservationStatus.Reserved : ReservationStatus.Failed,
            Items = plan.Problem is null ? plan.Request.Command.Items : [],
            Lines = problem is null ? plan.Lines : [],
            Shortages = problem is null ? null : shortages,
            Reason = problem,
            HasRecipes = plan.HasRecipes,
            CreatedAt = now,
            ReservedAt = problem is null ? now : null,
            ExpiresAt = problem is null ? now + options.Value.ExpireAfter : null,
            EndedAt = problem is null ? null : now,
        };
    }

    private async Task AnswerAsync(Reservation reservation, CancellationToken ct)
    {
        using var _ = OperationContext.BeginTenant(reservation.TenantId);
        await (reservation.Status switch
        {
            ReservationStatus.Failed => publish.PublishEvent(
                new StockReservationFailed(reservation.OrderId, reservation.Reason!, reservation.Shortages ?? [], reservation.EndedAt!.Value), 1, ct),

            // Nothing is set aside now, and nothing will be: whoever asked must not count on it.
            ReservationStatus.Released => publish.PublishEvent(
                new StockReservationFailed(reservation.OrderId, $"Released already: {reservation.Reason}", [], reservation.EndedAt!.Value), reservation.Version, ct),

            _ => publish.PublishEvent(new StockReserved(reservation.OrderId, reservation.Lines, reservation.ReservedAt!.Value), 1, ct),
        });
    }

    /// <summary>What to take from the shelves for each order, or why that cannot be said.</summary>
    private async Task<IReadOnlyList<Plan>> PlanAsync(IReadOnlyList<ReservationRequest> requests, CancellationToken ct)
    {
        var parts = await recipes.PartsOfAsync(
            [.. requests.SelectMany(r => r.Command.Items, (_, i) => i.Sku).Distinct(StringComparer.Ordinal)], ct);
        return [.. requests.Select(r => PlanOne(r, parts))];
    }

    private static Plan PlanOne(ReservationRequest request, IReadOnlyDictionary<string, IReadOnlyList<SkuQuantity>> parts)
    {
        var items = request.Command.Items;
        if (items.Count == 0)
        {
            return Impossible("The order has no items.");
        }

        if (items.FirstOrDefault(i => i.Quantity is < 1 or > Limits.MaxQuantity) is { } wrong)
        {
            return Impossible($"The quantity {wrong.Quantity} of {wrong.Sku} is not between 1 and {Limits.MaxQuantity}.");
        }

        if (items.FirstOrDefault(i => !parts.ContainsKey(i.Sku)) is { } unknown)
        {
            return Impossible($"There is no product {unknown.Sku}.");
        }

        var total = Recipes.Sum(items.SelectMany(i => parts[i.Sku], (i, part) => (part.Sku, (long)i.Quantity * part.Quantity)));
        if (total.FirstOrDefault(t => t.Quantity > Limits.MaxOnHand) is { Sku: not null } absurd)
        {
            return Impossible($"The order needs {absurd.Quantity} pieces of {absurd.Sku}.");
        }

        var hasRecipes = items.Any(i => parts[i.Sku] is not [var only] || only.Sku != i.Sku);
        return new Plan(request, [.. total.Select(t => new SkuQuantity(t.Sku, (int)t.Quantity))], hasRecipes, null);

        Plan Impossible(string problem) => new(request, [], false, problem);
    }

    private static string Describe(Shortage[] shortages)
    {
        const int shown = 5;
        var text = string.Join(", ", shortages.Take(shown).Select(s => $"{s.Sku} ({s.Requested} wanted, {s.Available} available)"));
        return shortages.Length > shown ? $"{text} and {shortages.Length - shown} more" : text;
    }

    private sealed record Plan(ReservationRequest Request, IReadOnlyList<SkuQuantity> Lines, bool HasRecipes, string? Problem)
    {
        public Guid OrderId => Request.Command.OrderId;
    }
}

/// <summary>Its reservation is committed together with those of others, and a duplicate is known by its order.</summary>
[OwnTransaction]
public sealed class ReserveStockConsumer(GroupCommit<ReservationRequest> reservations) : IConsumer<ReserveStock>
{
    public Task Consume(ConsumeContext<ReserveStock> context) =>
        reservations.CommitAsync(new ReservationRequest(context.Message, OperationContext.Current, Activity.Current), context.CancellationToken);
}
