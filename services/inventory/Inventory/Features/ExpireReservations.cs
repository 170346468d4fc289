using Chassis.Data;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Inventory.Features;

/// <summary>
/// Gives back reservations that nobody claimed. A sweep over an index of the few that are open, not a timer message for each order: almost
/// every reservation ends long before. Any number of replicas may sweep; a row is released by one of them.
/// </summary>
public sealed partial class ExpireReservations(
    IServiceScopeFactory scopes, IOptions<ReservationOptions> options, TimeProvider clock, ILogger<ExpireReservations> logger) : PeriodicService(clock, logger)
{
    private const int BatchSize = 200;

    /// <summary>Releases every reservation whose time is over, each in its own transaction.</summary>
    /// <returns>How many.</returns>
    public async Task<int> SweepAsync(CancellationToken ct)
    {
        var released = 0;
        Guid[] due;
        do
        {
            await using (var scope = scopes.CreateAsyncScope())
            {
                var db = scope.ServiceProvider.GetRequiredService<InventoryDbContext>();
                var now = Clock.Now();
                due = await db.Reservations.Where(r => r.Status == ReservationStatus.Reserved && r.ExpiresAt <= now)
                    .OrderBy(r => r.ExpiresAt).Take(BatchSize).Select(r => r.OrderId).ToArrayAsync(ct);
            }

            var before = released;
            foreach (var orderId in due)
            {
                await using var scope = scopes.CreateAsyncScope();
                if (await scope.ServiceProvider.GetRequiredService<ReleaseStockHandler>().ExpireAsync(orderId, ct))
                {
                    released++;
                    LogExpired(Logger, orderId);
                }
            }

            // Nothing done although something is due: others are at work on all of it.
            if (released == before)
            {
                break;
            }
        }
        while (due.Length == BatchSize);

        return released;
    }

    protected override TimeSpan Interval => options.Value.SweepEvery;

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);

    [LoggerMessage(7001, LogLevel.Warning, "The reservation of order {OrderId} expired", EventName = "reservation.expired")]
    private static partial void LogExpired(ILogger logger, Guid orderId);
}
