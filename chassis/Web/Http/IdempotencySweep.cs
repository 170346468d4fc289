using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chassis.Web;

/// <summary>Removes stored answers whose day is over.</summary>
internal sealed class IdempotencySweep(IServiceScopeFactory scopes, TimeProvider clock, ILogger<IdempotencySweep> logger) : PeriodicService(clock, logger)
{
    protected override TimeSpan Interval { get; } = TimeSpan.FromMinutes(10);

    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        await Idempotency.SweepAsync(scope.ServiceProvider.GetRequiredService<DbContext>(), Clock.GetUtcNow(), ct);
    }
}
