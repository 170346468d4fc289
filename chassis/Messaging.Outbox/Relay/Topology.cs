using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Relay;

/// <summary>
/// The exchanges that this service publishes to. Those of its own events are declared, all others only looked up, on a channel of their own:
/// a publish to an exchange that does not exist would close the channel with everything that is under way on it.
/// </summary>
internal sealed class Topology(IConnection connection, EventCatalogue catalogue, ServiceIdentity service, VanishedExchanges vanished, TimeProvider clock)
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);

    private readonly HashSet<string> _known = [];
    private readonly Dictionary<string, long> _missing = [];

    // Rows of an earlier version.
    private static string FormerReplayExchange(string service) => service + ".replay";

    /// <summary>Declares the exchange of every event that this service may publish, and binds it to the one that gets all.</summary>
    public async Task DeclareOwnAsync(CancellationToken ct)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        await channel.ExchangeDeclareAsync(catalogue.Exchanges.AllEvents, ExchangeType.Topic, durable: true, cancellationToken: ct);
        await channel.ExchangeDeclareAsync(catalogue.Exchanges.Replay, ExchangeType.Direct, durable: true, cancellationToken: ct);
        await channel.ExchangeDeclareAsync(catalogue.Exchanges.Returned, ExchangeType.Direct, durable: true, cancellationToken: ct);
        foreach (var boundaryEvent in catalogue.PublishedBy(service.Name))
        {
            if (vanished.IsKnown(boundaryEvent.Type) && !await IsThereAsync(boundaryEvent.Type, ct))
            {
                vanished.Lost(boundaryEvent.Type);
            }
            else
            {
                await DeclareEventAsync(channel, catalogue.Exchanges, boundaryEvent.Type, ct);
                vanished.Found(boundaryEvent.Type);
                _known.Add(boundaryEvent.Type);
            }
        }
    }

    /// <summary>Null when one may publish to the exchange, else why not.</summary>
    public async ValueTask<string?> CheckAsync(string exchange, CancellationToken ct)
    {
        if (vanished.IsHeld(exchange))
        {
            return VanishedExchanges.Reason;
        }

        if (_known.Contains(exchange))
        {
            return null;
        }

        if (_missing.TryGetValue(exchange, out var since) && clock.GetElapsedTime(since) < AskAgain)
        {
            return Missing(exchange);
        }

        try
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            if (catalogue.PublishedBy(service.Name).Any(e => e.Type == exchange))
            {
                await DeclareEventAsync(channel, catalogue.Exchanges, exchange, ct);
            }
            else if (exchange == catalogue.Exchanges.Replay || exchange == FormerReplayExchange(service.Name))
            {
                await channel.ExchangeDeclareAsync(exchange, ExchangeType.Direct, durable: true, cancellationToken: ct);
            }
            else if (exchange.StartsWith(service.Name + ".", StringComparison.Ordinal))
            {
                await channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true, cancellationToken: ct);
            }
            else
            {
                await channel.ExchangeDeclarePassiveAsync(exchange, ct);
            }

            _known.Add(exchange);
            _missing.Remove(exchange);
            return null;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 403 or 404 or 406 && connection.IsOpen)
        {
            // Of another kind than it would be made here: somebody has made it, and whatever is behind it can be sent to.
            if (e.ShutdownReason.ReplyCode == 406 && await IsThereAsync(exchange, ct))
            {
                _known.Add(exchange);
                _missing.Remove(exchange);
                return null;
            }

            _missing[exchange] = clock.GetTimestamp();
            return Missing(exchange);
        }
    }

    private static string Missing(string exchange) => $"There is no exchange '{exchange}' that could be published to.";

    /// <summary>The exchange of an event, bound to the one that gets all. Plain arguments, so that any consumer in any language can declare the same.</summary>
    public static async Task DeclareEventAsync(IChannel channel, EventExchanges exchanges, string type, CancellationToken ct)
    {
        await channel.ExchangeDeclareAsync(type, ExchangeType.Fanout, durable: true, cancellationToken: ct);
        await BindEventAsync(channel, exchanges, type, ct);
    }

    /// <summary>Binds the exchange of an event to the one that gets all, and to the one that brings back what had reached nobody.</summary>
    public static async Task BindEventAsync(IChannel channel, EventExchanges exchanges, string type, CancellationToken ct)
    {
        await channel.ExchangeBindAsync(exchanges.AllEvents, type, type, cancellationToken: ct);
        await channel.ExchangeBindAsync(type, exchanges.Returned, type, cancellationToken: ct);
    }

    private async Task<bool> IsThereAsync(string exchange, CancellationToken ct)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        try
        {
            await channel.ExchangeDeclarePassiveAsync(exchange, ct);
            return true;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode is 404)
        {
            return false;
        }
    }
}
