using Chassis.Messaging;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>
/// Tells when stock gets low. A movement sees the figures before and after it under the row's lock, so of all movements exactly one makes
/// the crossing, and only that one tells.
/// </summary>
public sealed class StockSignals(InventoryDbContext db, IPublishEndpoint publish, InventoryMetrics metrics, TimeProvider clock)
{
    /// <param name="figures">The stock after a movement.</param>
    /// <param name="taken">What the movement took from what was available.</param>
    /// <param name="ct">Cancels.</param>
    public Task TellIfLowAsync(StockFigures figures, int taken, CancellationToken ct)
    {
        if (!figures.FellToReorderPoint(taken))
        {
            return Task.CompletedTask;
        }

        metrics.Low(db);
        return publish.PublishEventAsync(new V1.StockLow(figures.Sku, figures.Available, figures.ReorderPoint!.Value, clock.Now()), figures.Version, ct);
    }
}
