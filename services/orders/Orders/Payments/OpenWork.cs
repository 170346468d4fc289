using System.Diagnostics.Metrics;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <summary>Keeps the figures of what is under way for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OpenWork(IServiceScopeFactory scopes, IMeterFactory meters, TimeProvider clock, ILogger<OpenWork> logger) : PeriodicService(clock, logger)
{
    private IReadOnlyList<(string State, int Count, double Age)> _sagas = [];
    private IReadOnlyDictionary<PaymentOperation, int>? _stuck;

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.Create("orders");
        meter.CreateObservableGauge(
            "shop.fulfilments.open",
            () => _sagas.Select(s => Of(s.Count, "state", s.State)),
            "{order}",
            "Orders that have not ended, by the state of their saga.");
        meter.CreateObservableGauge(
            "shop.fulfilments.oldest_age",
            () => _sagas.Select(s => Of(s.Age, "state", s.State)),
            "s",
            "How long the one that has been in the state longest has been there.");
        meter.CreateObservableGauge(
            "shop.payments.stuck",
            () => _stuck is { } figures
                ? Enum.GetValues<PaymentOperation>().Select(o => Of(figures.GetValueOrDefault(o), "operation", o.ToString().ToLowerInvariant()))
                : [],
            "{payment}",
            "Payments of which the provider has refused an operation, or left its outcome unknown, for an hour.");
        return base.StartAsync(cancellationToken);
    }

    // The last figures stay until the database answers again; its own health check says that it does not.
    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        var now = Clock.GetUtcNow();
        var open = await db.Set<FulfilmentState>().AsNoTracking().Where(s => s.FinishedAt == null)
            .GroupBy(s => s.CurrentState).Select(g => new { State = g.Key, Count = g.Count(), Since = g.Min(s => s.ChangedAt) }).ToListAsync(ct);
        _sagas = open.ConvertAll(s => (s.State, s.Count, Math.Max(0, (now - s.Since).TotalSeconds)));
        _stuck = (await db.Set<Payment>()
            .AsNoTracking()
            .Stuck(now)
            .GroupBy(p => p.Operation!.Value)
            .Select(g => new { Operation = g.Key, Count = g.Count() })
            .ToListAsync(ct))
            .ToDictionary(g => g.Operation, g => g.Count);
    }

    private static Measurement<T> Of<T>(T value, string tag, string name)
        where T : struct => new(value, new KeyValuePair<string, object?>(tag, name));
}
