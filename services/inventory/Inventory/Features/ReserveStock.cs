using Chassis.Messaging;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>Sets everything aside that an order needs, or nothing. However often it is asked for one order, it is done once and answered the same.</summary>
public sealed class ReserveStockHandler(
    InventoryDbContext db,
    RecipeBook recipes,
    StockLedger ledger,
    StockSignals signals,
    IPublishEndpoint publish,
    IOptions<ReservationOptions> options,
    TimeProvider clock)
{
    private static readonly IReadOnlyList<SkuQuantity> Nothing = [];

    public async Task Handle(ReserveStock command, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var (lines, hasRecipes, problem) = await PlanAsync(command.Items, ct);
        if (problem is not null)
        {
            await RefuseAsync(command, problem, ct);
        }
        else
        {
            await ReserveAsync(command, lines, hasRecipes, ct);
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    private async Task ReserveAsync(ReserveStock command, IReadOnlyList<SkuQuantity> lines, bool hasRecipes, CancellationToken ct)
    {
        var now = clock.Now();
        var outcome = await ledger.ReserveAsync(
            new Reservation
            {
                OrderId = command.OrderId,
                Status = ReservationStatus.Reserved,
                Items = command.Items,
                Lines = lines,
                HasRecipes = hasRecipes,
                Attempt = Guid.NewGuid(),
                CreatedAt = now,
                ReservedAt = now,
                ExpiresAt = now + options.Value.ExpireAfter,
            },
            ct);
        if (!outcome.IsNew)
        {
            await AnswerAgainAsync(command.OrderId, ct);
            return;
        }

        if (outcome.Shortages.Count > 0)
        {
            var reason = Describe(outcome.Shortages);
            await db.Reservations.Where(r => r.OrderId == command.OrderId).ExecuteUpdateAsync(
                set => set
                    .SetProperty(r => r.Status, ReservationStatus.Failed)
                    .SetProperty(r => r.Lines, Nothing)
                    .SetProperty(r => r.Shortages, outcome.Shortages)
                    .SetProperty(r => r.Reason, reason)
                    .SetProperty(r => r.ReservedAt, (DateTimeOffset?)null)
                    .SetProperty(r => r.ExpiresAt, (DateTimeOffset?)null)
                    .SetProperty(r => r.EndedAt, now),
                ct);
            await publish.PublishEvent(new StockReservationFailed(command.OrderId, reason, outcome.Shortages, now), 1, ct);
            return;
        }

        for (var i = 0; i < lines.Count; i++)
        {
            await signals.TellIfLowAsync(outcome.Figures[i], lines[i].Quantity, ct);
        }

        await publish.PublishEvent(new StockReserved(command.OrderId, lines, now), 1, ct);
    }

    /// <summary>What to take from the shelves, or why that cannot be said.</summary>
    private async Task<(IReadOnlyList<SkuQuantity> Lines, bool HasRecipes, string? Problem)> PlanAsync(IReadOnlyList<SkuQuantity> items, CancellationToken ct)
    {
        if (items.Count == 0)
        {
            return ([], false, "The order has no items.");
        }

        if (items.FirstOrDefault(i => i.Quantity is < 1 or > Limits.MaxQuantity) is { } wrong)
        {
            return ([], false, $"The quantity {wrong.Quantity} of {wrong.Sku} is not between 1 and {Limits.MaxQuantity}.");
        }

        var parts = await recipes.PartsOfAsync([.. items.Select(i => i.Sku).Distinct(StringComparer.Ordinal)], ct);
        if (items.FirstOrDefault(i => !parts.ContainsKey(i.Sku)) is { } unknown)
        {
            return ([], false, $"There is no product {unknown.Sku}.");
        }

        var total = Recipes.Sum(items.SelectMany(i => parts[i.Sku], (i, part) => (part.Sku, (long)i.Quantity * part.Quantity)));
        if (total.FirstOrDefault(t => t.Quantity > Limits.MaxOnHand) is { Sku: not null } absurd)
        {
            return ([], false, $"The order needs {absurd.Quantity} pieces of {absurd.Sku}.");
        }

        var hasRecipes = items.Any(i => parts[i.Sku] is not [var only] || only.Sku != i.Sku);
        return ([.. total.Select(t => new SkuQuantity(t.Sku, (int)t.Quantity))], hasRecipes, null);
    }

    private async Task RefuseAsync(ReserveStock command, string problem, CancellationToken ct)
    {
        var now = clock.Now();
        var inserted = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO reservations (order_id, status, items, lines, shortages, reason, has_recipes, version, created_at, ended_at)
            VALUES ({command.OrderId}, 'failed', '[]', '[]', '[]', {problem}, false, 1, {now}, {now})
            ON CONFLICT (order_id) DO NOTHING
            """, ct);
        if (inserted == 0)
        {
            await AnswerAgainAsync(command.OrderId, ct);
            return;
        }

        await publish.PublishEvent(new StockReservationFailed(command.OrderId, problem, [], now), 1, ct);
    }

    private async Task AnswerAgainAsync(Guid orderId, CancellationToken ct)
    {
        var reservation = await db.Reservations.AsNoTracking().SingleAsync(r => r.OrderId == orderId, ct);
        await (reservation.Status switch
        {
            ReservationStatus.Failed => publish.PublishEvent(
                new StockReservationFailed(orderId, reservation.Reason!, reservation.Shortages ?? [], reservation.EndedAt!.Value), 1, ct),

            // Nothing is set aside now, and nothing will be: whoever asked must not count on it.
            ReservationStatus.Released => publish.PublishEvent(
                new StockReservationFailed(orderId, $"Released already: {reservation.Reason}", [], reservation.EndedAt!.Value), reservation.Version, ct),

            _ => publish.PublishEvent(new StockReserved(orderId, reservation.Lines, reservation.ReservedAt!.Value), 1, ct),
        });
    }

    private static string Describe(IReadOnlyList<Shortage> shortages)
    {
        const int shown = 5;
        var text = string.Join(", ", shortages.Take(shown).Select(s => $"{s.Sku} ({s.Requested} wanted, {s.Available} available)"));
        return shortages.Count > shown ? $"{text} and {shortages.Count - shown} more" : text;
    }
}

public sealed class ReserveStockConsumer(ReserveStockHandler handler) : IConsumer<ReserveStock>
{
    public Task Consume(ConsumeContext<ReserveStock> context) => handler.Handle(context.Message, context.CancellationToken);
}
