using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Chassis.Messaging.Relay;

/// <summary>Keeps the figures for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OutboxGauges(OutboxStore store, OutboxRelay relay, MessagingMetrics metrics, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private OutboxFigures _figures = new(0, 0, 0, 0, 0, 0);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Observe(() => _figures, () => relay.InMemory, () => relay.Unconfirmed);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, clock, stoppingToken);
                _figures = await store.FiguresAsync(metrics.DispatchRate, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (NpgsqlException)
            {
                // The last figures stay until the database answers again; its own health check says that it does not.
            }
        }
    }
}
