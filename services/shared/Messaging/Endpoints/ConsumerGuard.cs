using Chassis.Messaging.Relay;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Endpoints;

/// <summary>
/// Sees to it that a service whose queues nobody reads, although the broker can be reached, does not stay so. The transport reconnects by itself, but it has not always
/// found back. The process then ends, so that whoever supervises it starts another one. ADR: docs/adr/0017-consumption-is-guarded.md.
/// </summary>
internal sealed partial class ConsumerGuard(
    IBusControl bus,
    BrokerConnection broker,
    IOptions<MessagingOptions> options,
    MessagingMetrics metrics,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<ConsumerGuard> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private int? _idle;
    private bool _wasHealthy;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.ObserveIdle(() => _idle);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await broker.OpenAsync("guard", stoppingToken);
                await WatchAsync(connection, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (BrokerFailure.Is(e))
            {
                // Nobody can consume now, and the relay says so.
            }

            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Looks until the connection is lost: what is idle is idle for another reason than the broker only while that is there.</summary>
    private async Task WatchAsync(IConnection connection, CancellationToken stoppingToken)
    {
        long? since = null;
        while (connection.IsOpen)
        {
            await Task.Delay(Interval, clock, stoppingToken);
            var idle = await FindIdleAsync(connection, stoppingToken);
            _idle = idle.Count;
            if (idle.Count == 0)
            {
                (_wasHealthy, since) = (true, null);
                continue;
            }

            // The first start takes as long as it takes.
            since ??= clock.GetTimestamp();
            if (_wasHealthy && clock.GetElapsedTime(since.Value) >= options.Value.ConsumerPatience)
            {
                LogGivenUp(string.Join(", ", idle), clock.GetElapsedTime(since.Value).TotalSeconds);
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                return;
            }
        }
    }

    /// <summary>
    /// The queues that this process says it cannot read, and those that the broker says nobody reads. A queue that somebody has deleted closes the channel, and
    /// the look ends with it: one idle queue is enough to know, the others are found when that one is back.
    /// </summary>
    private async Task<List<string>> FindIdleAsync(IConnection connection, CancellationToken stoppingToken)
    {
        var idle = new List<string>();
        var ownQueue = bus.Address.GetEndpointName();   // for answers; there only once somebody has asked
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stoppingToken);
        foreach (var endpoint in bus.CheckHealth().Endpoints.Values)
        {
            var queue = endpoint.InputAddress?.GetEndpointName();
            if (queue is not null && queue != ownQueue
                && (endpoint.Status != BusHealthStatus.Healthy || (channel.IsOpen && !await IsConsumedAsync(channel, queue, stoppingToken))))
            {
                idle.Add(queue);
            }
        }

        return idle;
    }

    private static async Task<bool> IsConsumedAsync(IChannel channel, string queue, CancellationToken stoppingToken)
    {
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue, stoppingToken)).ConsumerCount > 0;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == 404)
        {
            return false;
        }
    }

    [LoggerMessage(2061, LogLevel.Critical, "Nobody has consumed {Queues} for {Seconds:0} s although the broker is there; the process ends, to be started again.")]
    private partial void LogGivenUp(string queues, double seconds);
}
