using Chassis.Messaging.Relay;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Sees to it that a service does not stay so when nobody reads its queues although the broker can be reached, or when it reads them and settles nothing. The
/// transport reconnects by itself, but it has not always found back. The process then ends, so that whoever supervises it starts another one. ADR:
/// docs/adr/0017-consumption-is-guarded.md.
/// </summary>
internal sealed partial class ConsumerGuard(
    IBusControl bus,
    BrokerConnection broker,
    IOptions<MessagingOptions> options,
    Deliveries deliveries,
    RefusedQueues refused,
    Lanes lanes,
    LaneChannels channels,
    MessagingMetrics metrics,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<ConsumerGuard> logger) : BackgroundService
{
    private const int Named = 5;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly HashSet<string> _everRead = [];
    private int? _idle;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.ObserveIdle(() => _idle);
        metrics.ObserveOldest(() => deliveries.OldestAge);
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

    /// <summary>Looks until the connection is lost: what is idle or stands still has another reason than the broker only while that is there.</summary>
    private async Task WatchAsync(IConnection connection, CancellationToken stoppingToken)
    {
        long? since = null;
        var progress = new ProgressWatch(deliveries, options.Value.ProgressPatience, Interval * 2, clock);
        var laneWatch = new LaneWatch(deliveries, options.Value.ProgressPatience, Interval * 2, clock);
        while (connection.IsOpen)
        {
            await Task.Delay(Interval, clock, stoppingToken);
            var queues = await LookAsync(connection, stoppingToken);
            var stuck = progress.Look(queues);
            if (stuck.Count > 0)
            {
                stuck.ForEach(LogStuck);
                EndProcess();
                return;
            }

            await Task.WhenAll(laneWatch.Look(queues).Select(channels.CloseAsync));
            var idle = queues.Where(q => !q.IsRead).Select(q => q.Name).ToList();
            _idle = idle.Count;
            _everRead.UnionWith(queues.Where(q => q.IsRead).Select(q => q.Name));
            // A queue that was refused from the beginning would be to another process as well.
            var lost = idle.Except(refused.Names.Except(_everRead)).ToList();
            if (lost.Count == 0)
            {
                since = null;
                continue;
            }

            since ??= clock.GetTimestamp();
            if (clock.GetElapsedTime(since.Value) >= options.Value.ConsumerPatience)
            {
                LogGivenUp(string.Join(", ", lost), clock.GetElapsedTime(since.Value).TotalSeconds);
                EndProcess();
                return;
            }
        }
    }

    private void EndProcess()
    {
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    /// <summary>
    /// The queues of this process, those that it says it cannot read included. A queue that somebody has deleted closes the channel, and the look ends with it:
    /// one idle queue is enough to know, the others are found when that one is back.
    /// </summary>
    private async Task<List<QueueState>> LookAsync(IConnection connection, CancellationToken stoppingToken)
    {
        var queues = new List<QueueState>();
        var ownQueue = bus.Address.GetEndpointName();   // for answers; there only once somebody has asked
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stoppingToken);
        foreach (var endpoint in bus.CheckHealth().Endpoints.Values)
        {
            var queue = endpoint.InputAddress?.GetEndpointName();
            if (queue is null || queue == ownQueue)
            {
                continue;
            }

            if (endpoint.Status != BusHealthStatus.Healthy)
            {
                queues.Add(new QueueState(queue, IsRead: false, Waiting: 0));
            }
            else if (channel.IsOpen)
            {
                queues.Add(await AskAsync(channel, queue, stoppingToken) with { IsLane = lanes.IsLane(queue) });
            }
        }

        return queues;
    }

    private static async Task<QueueState> AskAsync(IChannel channel, string queue, CancellationToken stoppingToken)
    {
        try
        {
            var declared = await channel.QueueDeclarePassiveAsync(queue, stoppingToken);
            return new QueueState(queue, declared.ConsumerCount > 0, declared.MessageCount);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == 404)
        {
            return new QueueState(queue, IsRead: false, Waiting: 0);
        }
    }

    private void LogStuck(StuckQueue stuck)
    {
        var oldest = stuck.InFlight.Take(Named).Select(d => $"{d.MessageId} ({d.MessageType}) for {deliveries.Age(d).TotalSeconds:0} s, now in {d.Stage}");
        LogStuck(stuck.Queue.Name, stuck.For.TotalSeconds, stuck.Queue.Waiting, stuck.InFlight.Count, string.Join("; ", oldest.DefaultIfEmpty("none")));
    }

    [LoggerMessage(2161, LogLevel.Critical,
        "Nobody has consumed {Queues} for {Seconds:0} s although the broker is there; the process ends, to be started again.",
        EventName = "consumers.absent")]
    private partial void LogGivenUp(string queues, double seconds);

    [LoggerMessage(2162, LogLevel.Critical,
        "{Queue} is read, and nothing of it has been settled here for {Seconds:0} s; the process ends, to be started again. Waiting: {Waiting}, in flight: {InFlight}, the oldest: {Oldest}",
        EventName = "consumers.stuck")]
    private partial void LogStuck(string queue, double seconds, uint waiting, int inFlight, string oldest);
}
