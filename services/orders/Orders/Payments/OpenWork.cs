using System.Diagnostics.Metrics;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <summary>Keeps the figures of what is under way for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OpenWork(
    IServiceScopeFactory scopes, IMeterFactory meters, FulfilmentStateMachine machine, TimeProvider clock, ILogger<OpenWork> logger)
    : PeriodicService(clock, logger)
{
    private IReadOnlyList<(string State, int Count, double Age)> _sagas = [];
    private IReadOnlyList<(string Operation, int Stuck, int Unknown, double Age)> _payments = [];

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.Create("orders");
        meter.CreateObservableGauge(
            "shop.fulfilments.open",
            () => _sagas.Select(s => Of(s.Count, "state", s.State)),
            "{order}",
            "Orders that have not ended, by the state of their saga. Every replica says the same.");
        meter.CreateObservableGauge(
            "shop.fulfilments.oldest_age",
            () => _sagas.Select(s => Of(s.Age, "state", s.State)),
            "s",
            "How long the one that has been in the state longest has been there. Every replica says the same.");
        meter.CreateObservableGauge(
            "shop.payments.stuck",
            () => _payments.Select(p => Of(p.Stuck, "operation", p.Operation)),
            "{payment}",
            "Payments of which the provider has refused an operation, or left its outcome unknown, for an hour. Every replica says the same.");
        meter.CreateObservableGauge(
            "shop.payments.unknown",
            () => _payments.Select(p => Of(p.Unknown, "operation", p.Operation)),
            "{payment}",
            "Payments of which the provider refuses what must happen, or has not told the outcome of the last attempt. Every replica says the same.");
        meter.CreateObservableGauge(
            "shop.payments.unknown_age",
            () => _payments.Select(p => Of(p.Age, "operation", p.Operation)),
            "s",
            "How long ago the operation was wanted of which that is so for the longest time. Every replica says the same.");
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
        _sagas =
        [
            .. open.Select(s => (s.State, s.Count, Age(s.Since))),
            .. machine.Waits.Except(open.Select(s => s.State)).Select(state => (state, 0, 0d)),
        ];
        var stuck = await db.Set<Payment>().AsNoTracking().Stuck(now)
            .GroupBy(p => p.Operation!.Value).Select(g => new { g.Key, Count = g.Count() }).ToDictionaryAsync(g => g.Key, g => g.Count, ct);
        var unknown = await db.Set<Payment>().AsNoTracking().Where(p => p.Operation != null && p.UnknownReason != null)
            .GroupBy(p => p.Operation!.Value).Select(g => new { g.Key, Count = g.Count(), Since = g.Min(p => p.OperationSince ?? p.CreatedAt) })
            .ToDictionaryAsync(g => g.Key, ct);
        _payments =
        [
            .. Enum.GetValues<PaymentOperation>().Select(o => (
                o.ToString().ToLowerInvariant(),
                stuck.GetValueOrDefault(o),
                unknown.TryGetValue(o, out var some) ? some.Count : 0,
                unknown.TryGetValue(o, out some) ? Age(some.Since) : 0)),
        ];

        double Age(DateTimeOffset since) => Math.Max(0, (now - since).TotalSeconds);
    }

    private static Measurement<T> Of<T>(T value, string tag, string name)
        where T : struct => new(value, new KeyValuePair<string, object?>(tag, name));
}
