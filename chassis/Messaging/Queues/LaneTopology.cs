using Chassis.Messaging.Relay;
using Contracts.Events;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Queues;

/// <summary>What leads to the lanes, on the broker; the lanes themselves the transport describes as every queue.</summary>
internal sealed partial class LaneTopology(
    Lanes lanes, BrokerConnection broker, EventCatalogue catalogue, RefusedQueues refused, ILogger<LaneTopology> logger)
{
    private const string HashType = "x-consistent-hash";
    private const string Weight = "1";

    private readonly HashSet<string> _leading = [];
    private readonly HashSet<string> _told = [];

    public IEnumerable<string> Exchanges => lanes.Queues.SelectMany(queue => new[] { queue.Name, queue.Hash });

    /// <summary>Whether what comes to the exchange reaches a lane: nothing is bound to it before.</summary>
    public bool Leads(string exchange) => lanes.Queues.All(queue => queue.Name != exchange) || _leading.Contains(exchange);

    /// <summary>Makes it, or what is missing of it, in the order in which nothing comes by before it can go on.</summary>
    /// <param name="tryAsync">Does something on a channel; false when the broker refuses it.</param>
    /// <param name="ct">Cancels.</param>
    public async Task MakeAsync(Func<Func<IChannel, Task>, Task<bool>> tryAsync, CancellationToken ct)
    {
        foreach (var queue in lanes.Queues)
        {
            var leads = await MakeHashAsync(queue, tryAsync, ct)
                && await tryAsync(channel => channel.ExchangeDeclareAsync(queue.Name, ExchangeType.Fanout, durable: true, cancellationToken: ct));
            // Always in this order, whichever replica does it: the place of a lane among the others decides which keys it gets.
            for (var number = 1; leads && number <= queue.Count; number++)
            {
                var lane = queue.LaneOf(number);
                leads = await tryAsync(channel => channel.ExchangeBindAsync(lane, queue.Hash, Weight, cancellationToken: ct));
            }

            leads = leads
                && await tryAsync(channel => channel.ExchangeBindAsync(queue.Hash, queue.Name, string.Empty, cancellationToken: ct))
                && await tryAsync(channel => channel.ExchangeBindAsync(queue.Name, catalogue.Exchanges.Replay, queue.Name, cancellationToken: ct));
            if (leads)
            {
                _leading.Add(queue.Name);
                await LeaveFormerAsync(queue, tryAsync, ct);
            }
            else
            {
                _leading.Remove(queue.Name);
            }
        }
    }

    // A replica of an earlier version binds them again, as long as it runs; and a lane that nobody has announced is found by its number.
    private async Task LeaveFormerAsync(OrderedQueue queue, Func<Func<IChannel, Task>, Task<bool>> tryAsync, CancellationToken ct)
    {
        for (var number = queue.Count + 1; number <= OrderedQueue.MostLanes; number++)
        {
            var lane = queue.LaneOf(number);
            var waiting = 0u;
            if (!await tryAsync(async channel => waiting = (await channel.QueueDeclarePassiveAsync(lane, ct)).MessageCount))
            {
                return;
            }

            await tryAsync(channel => channel.ExchangeUnbindAsync(lane, queue.Hash, Weight, cancellationToken: ct));
            if (number > queue.Read && _told.Add(lane))
            {
                LogUnread(lane, waiting, nameof(queue.Formerly).ToLowerInvariant(), number);
            }
        }
    }

    private async Task<bool> MakeHashAsync(OrderedQueue queue, Func<Func<IChannel, Task>, Task<bool>> tryAsync, CancellationToken ct)
    {
        if (!await tryAsync(channel => channel.ExchangeDeclarePassiveAsync(queue.Hash, ct)) && !await DeclareHashAsync(queue, ct))
        {
            return false;
        }

        refused.Remove(queue.Name);
        return true;
    }

    // On a connection of its own: a type that the broker does not know ends the whole connection.
    private async Task<bool> DeclareHashAsync(OrderedQueue queue, CancellationToken ct)
    {
        var connection = await broker.OpenAsync("lanes", ct);
        try
        {
            var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            await channel.ExchangeDeclareAsync(
                queue.Hash, HashType, durable: true, autoDelete: false, new Dictionary<string, object?> { ["hash-header"] = OrderedQueue.KeyHeader },
                cancellationToken: ct);
            return true;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 503)
        {
            var reason = $"{queue.Name} needs the plugin rabbitmq_consistent_hash_exchange, which the broker does not have: "
                + "rabbitmq-plugins enable rabbitmq_consistent_hash_exchange, on every node";
            refused.Add(queue.Name, reason);
            if (_told.Add(queue.Name))
            {
                LogNoPlugin(reason);
            }

            return false;
        }
        finally
        {
            await connection.AbortAsync(TimeSpan.FromSeconds(1));
            await connection.DisposeAsync();
        }
    }

    [LoggerMessage(2144, LogLevel.Error, "{Reason}. Until then nothing comes to its lanes.", EventName = "lanes.no_plugin")]
    private partial void LogNoPlugin(string reason);

    [LoggerMessage(2145, LogLevel.Error,
        "{Lane} is a lane of an earlier version, nobody reads it, and {Waiting} messages are in it: give the consumer {Parameter}: {Lanes} until it is empty.",
        EventName = "lanes.unread")]
    private partial void LogUnread(string lane, uint waiting, string parameter, int lanes);
}
