using Chassis.Messaging.Relay;
using Contracts.Events;
using MassTransit;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Keeps what this service needs on the broker as it has to be while it runs: exchanges, queues and bindings that somebody has deleted come back, and events
/// that reached nobody meanwhile are sent once more. Without it an exchange comes back without its consumers, and nobody notices. ADR:
/// docs/adr/0024-topology-is-watched.md.
/// </summary>
internal sealed partial class TopologyWatch(
    IBus bus,
    BrokerConnection broker,
    EventCatalogue catalogue,
    ServiceIdentity service,
    VanishedExchanges vanished,
    Subscriptions subscriptions,
    Lanes lanes,
    LaneTopology ordered,
    FirstDeclaration first,
    UnroutedEvents unrouted,
    IOptions<MessagingOptions> options,
    MessagingMetrics metrics,
    TimeProvider clock,
    ILogger<TopologyWatch> logger) : BackgroundService, IHealthCheck
{
    // Those that everybody's messages go through, and everybody mends.
    private readonly WantedExchange[] _shared =
    [
        new(catalogue.Exchanges.AllEvents, ExchangeType.Topic), new(catalogue.Exchanges.Replay, ExchangeType.Direct),
        new(catalogue.Exchanges.Returned, ExchangeType.Direct),
    ];

    private static readonly TimeSpan Eager = TimeSpan.FromSeconds(1);

    // Where a deleted queue is there again before its readers were told, RabbitMQ 3 subscribes them to that one, tells nobody, and drops what it gives them.
    private static readonly TimeSpan UntilReadersKnow = TimeSpan.FromMilliseconds(500);

    // Long enough to be seen by somebody who looks once in a while.
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);

    // A replica of an earlier version binds again what it takes, as long as it runs.
    private static readonly TimeSpan Rollout = TimeSpan.FromMinutes(5);

    private readonly ConsumerTopology _wanted = ConsumerTopology.Of(bus);
    private readonly string[] _events = [.. catalogue.PublishedBy(service.Name).Select(e => e.Type)];
    private IReadOnlyList<(long At, string What)> _mended = [];
    private IChannel? _channel;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(StillRemembered() is { Count: > 0 } mended
            ? HealthCheckResult.Degraded($"Deleted by somebody and made again: {string.Join(", ", mended.Select(m => m.What).Distinct())}.")
            : HealthCheckResult.Healthy("Nothing is missing."));

    private List<(long At, string What)> StillRemembered() => [.. _mended.Where(m => clock.GetElapsedTime(m.At) < Remembered)];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await broker.OpenAsync("topology", stoppingToken);
                if (!first.Ready.IsCompleted || !subscriptions.AreBound)
                {
                    // A process that has just started hears nothing before; whoever sees a reader may take the queue for bound.
                    await MakeOwnAsync(connection, _wanted.Queues.Keys, stoppingToken);
                    await SubscribeAsync(connection, stoppingToken);
                    first.Note();
                }

                await UnsubscribeAsync(connection, stoppingToken);
                var left = clock.GetTimestamp();
                await LookAsync(connection, stoppingToken);
                while (connection.IsOpen)
                {
                    await PauseAsync(connection, stoppingToken);
                    await LookAsync(connection, stoppingToken);
                    if (clock.GetElapsedTime(left) > Rollout)
                    {
                        await UnsubscribeAsync(connection, stoppingToken);
                        left = clock.GetTimestamp();
                    }
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (BrokerFailure.Is(e))
            {
                // The relay and the endpoints say so.
            }

            await Task.Delay(Shortest(options.Value.TopologyInterval), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // While something is not bound, events of others reach nobody here.
    private TimeSpan Shortest(TimeSpan pause) => subscriptions.AreBound || pause < Eager ? pause : Eager;

    private async Task PauseAsync(IConnection connection, CancellationToken ct)
    {
        var looked = clock.GetTimestamp();
        while (clock.GetElapsedTime(looked) < options.Value.TopologyInterval)
        {
            await Task.Delay(Shortest(options.Value.TopologyInterval), clock, ct);
            if (!subscriptions.AreBound)
            {
                await SubscribeAsync(connection, ct);
            }
        }
    }

    private async Task LookAsync(IConnection connection, CancellationToken ct)
    {
        var unmade = await MissingEventsAsync(connection, ct);
        var (exchanges, queues) = await MissingOwnAsync(connection, ct);
        List<string> missing = [.. unmade.Concat(exchanges).Concat(queues.Select(NameOf)).Where(vanished.IsKnown)];
        await MakeEventsAsync(connection, unmade, ct);
        if (queues.Count > 0)
        {
            await Task.Delay(UntilReadersKnow, clock, ct);
        }

        await MakeOwnAsync(connection, queues, ct);
        await SubscribeAsync(connection, ct);
        if (missing.Count > 0)
        {
            _mended = [.. StillRemembered(), .. missing.Select(what => (clock.GetTimestamp(), what))];
            metrics.TopologyMended(missing.Count);
            LogMended(string.Join(", ", missing), catalogue.Exchanges.Unrouted);
        }

        await unrouted.LookAsync(connection, ct);
    }

    /// <summary>Exchanges of this service's events that are not there and may be made.</summary>
    private async Task<List<string>> MissingEventsAsync(IConnection connection, CancellationToken ct)
    {
        var unmade = new List<string>();
        foreach (var type in _events)
        {
            if (await IsThereAsync(connection, channel => channel.ExchangeDeclarePassiveAsync(type, ct), ct))
            {
                vanished.Found(type);
                continue;
            }

            if (vanished.IsKnown(type))
            {
                vanished.Lost(type);
            }

            // Asked once: what is made below without having been missed here, nobody would hear of.
            if (vanished.MayBeMade(type))
            {
                unmade.Add(type);
            }
        }

        return unmade;
    }

    /// <summary>What the endpoints need and is not there.</summary>
    private async Task<(List<string> Exchanges, List<string> Queues)> MissingOwnAsync(IConnection connection, CancellationToken ct)
    {
        var (exchanges, queues) = (new List<string>(), new List<string>());
        foreach (var exchange in _shared.Concat(_wanted.Exchanges).Select(e => e.Name).Concat(ordered.Exchanges))
        {
            await NoteAsync(exchanges, exchange, exchange, channel => channel.ExchangeDeclarePassiveAsync(exchange, ct));
        }

        foreach (var queue in _wanted.Queues.Keys)
        {
            await NoteAsync(queues, queue, NameOf(queue), channel => channel.QueueDeclarePassiveAsync(queue, ct));
        }

        return (exchanges, queues);

        async Task NoteAsync(List<string> missing, string item, string name, Func<IChannel, Task> look)
        {
            if (await IsThereAsync(connection, look, ct))
            {
                vanished.Found(name);
            }
            else
            {
                missing.Add(item);
            }
        }
    }

    // Beside the exchange that is called like it.
    private static string NameOf(string queue) => queue + " (queue)";

    // Everything is asked for every time: that a binding is missing, nobody tells.
    private async Task MakeEventsAsync(IConnection connection, List<string> unmade, CancellationToken ct)
    {
        foreach (var shared in _shared)
        {
            await DoAsync(connection, channel => channel.ExchangeDeclareAsync(shared.Name, shared.Type, durable: true, cancellationToken: ct), ct);
        }

        foreach (var type in unmade)
        {
            await DoAsync(connection, channel => Topology.DeclareEventAsync(channel, catalogue.Exchanges, type, ct), ct);
            vanished.Found(type);
        }

        foreach (var type in _events.Except(unmade))
        {
            await DoAsync(connection, channel => Topology.BindEventAsync(channel, catalogue.Exchanges, type, ct), ct);
        }
    }

    // Only those queues that are known not to be there: one that somebody deletes meanwhile would be made again before its readers know.
    private async Task MakeOwnAsync(IConnection connection, IEnumerable<string> queues, CancellationToken ct)
    {
        foreach (var exchange in _wanted.Exchanges)
        {
            await DoAsync(connection, channel => channel.ExchangeDeclareAsync(exchange.Name, exchange.Type, durable: true, cancellationToken: ct), ct);
        }

        foreach (var queue in queues)
        {
            var arguments = new Dictionary<string, object?>(_wanted.Queues[queue]);
            await DoAsync(
                connection,
                channel => channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: ct),
                ct);
        }

        foreach (var binding in _wanted.QueueBindings)
        {
            await DoAsync(connection, channel => channel.QueueBindAsync(binding.Destination, binding.Source, binding.RoutingKey, cancellationToken: ct), ct);
        }

        foreach (var binding in _wanted.ExchangeBindings)
        {
            await DoAsync(connection, channel => channel.ExchangeBindAsync(binding.Destination, binding.Source, binding.RoutingKey, cancellationToken: ct), ct);
        }

        foreach (var queue in _wanted.Queues.Keys.Where(queue => !lanes.IsLane(queue)))
        {
            await DoAsync(connection, channel => channel.QueueBindAsync(queue, catalogue.Exchanges.Replay, queue, cancellationToken: ct), ct);
        }

        await ordered.MakeAsync(work => DoAsync(connection, work, ct), ct);
    }

    /// <summary>
    /// Binds to the events of others and of this service. The queue is there by then, so that nothing comes to an exchange that leads nowhere.
    /// </summary>
    private async Task SubscribeAsync(IConnection connection, CancellationToken ct)
    {
        foreach (var binding in subscriptions.All)
        {
            subscriptions.Note(
                binding,
                ordered.Leads(binding.Destination) && await DoAsync(
                    connection, channel => channel.ExchangeBindAsync(binding.Destination, binding.Source, binding.RoutingKey, cancellationToken: ct), ct));
        }

        foreach (var binding in subscriptions.Ignored)
        {
            await DoAsync(
                connection, channel => channel.ExchangeDeclareAsync(binding.Destination, ExchangeType.Fanout, durable: true, cancellationToken: ct), ct);
            await DoAsync(
                connection, channel => channel.ExchangeBindAsync(binding.Destination, binding.Source, binding.RoutingKey, cancellationToken: ct), ct);
        }
    }

    /// <summary>
    /// From every event that no consumer of the queue takes any more, or that it says it does not take: each would come as a dead letter. Seldom: a replica of
    /// an earlier version binds again what it needs, and nobody removes it for long while that runs.
    /// </summary>
    private async Task UnsubscribeAsync(IConnection connection, CancellationToken ct)
    {
        var notTaken = from queue in _wanted.Queues.Keys.Select(lanes.NameOf).Distinct()
                       from taken in catalogue.All
                       select new WantedBinding(taken.Type, queue, string.Empty);
        foreach (var binding in notTaken.Union(subscriptions.Unwanted).Except(subscriptions.All))
        {
            await DoAsync(
                connection, channel => channel.ExchangeUnbindAsync(binding.Destination, binding.Source, binding.RoutingKey, cancellationToken: ct), ct);
        }
    }

    private static async Task<bool> IsThereAsync(IConnection connection, Func<IChannel, Task> look, CancellationToken ct)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        try
        {
            await look(channel);
            return true;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 404)
        {
            return false;
        }
    }

    /// <summary>What the broker refuses closes the channel and nothing else; why, the endpoint concerned says.</summary>
    /// <returns>Whether it was not refused.</returns>
    private async Task<bool> DoAsync(IConnection connection, Func<IChannel, Task> work, CancellationToken ct)
    {
        // One for all, until the broker closes it: a look asks for a hundred things.
        if (_channel is not { IsOpen: true })
        {
            _channel = await connection.CreateChannelAsync(cancellationToken: ct);
        }

        try
        {
            await work(_channel);
            return true;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 403 or 404 or 405 or 406)
        {
            return false;
        }
    }

    [LoggerMessage(2143, LogLevel.Error,
        "Somebody has deleted {What}; it is made again, with its bindings. What was sent meanwhile waits, or lies in {Unrouted}.",
        EventName = "topology.mended")]
    private partial void LogMended(string what, string unrouted);
}
