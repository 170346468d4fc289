using System.Globalization;
using System.Text.RegularExpressions;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Events that no queue took. One that an endpoint of this service is bound to must have come while the binding was missing: it goes to its exchange once more,
/// after every service had an interval to bind again. What nobody here wants stays; what is ignored here goes the same way after all others had time to take
/// what is theirs. The broker carries it there when it is rejected, under the account that had sent it: nobody else may publish there, and nobody else would be
/// believed.
/// </summary>
internal sealed partial class UnroutedEvents(
    EventCatalogue catalogue, Subscriptions subscriptions, VanishedExchanges vanished, ILogger<UnroutedEvents> logger)
{
    // An event that comes back as often as this is bound to something that does not take it.
    private const int MaxReturns = 3;

    // So many looks on, what lies here is for nobody.
    private const int LooksUntilLeft = 6;

    private uint _count;
    private int _looksAtTheSame;

    /// <summary>To be called at intervals, after the bindings of this service were mended.</summary>
    public async Task LookAsync(IConnection connection, CancellationToken ct)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        uint count;
        try
        {
            count = (await channel.QueueDeclarePassiveAsync(catalogue.Exchanges.Unrouted, ct)).MessageCount;
        }
        catch (OperationInterruptedException)
        {
            return;
        }

        _looksAtTheSame = count == _count ? _looksAtTheSame + 1 : 0;
        var isLeft = _looksAtTheSame >= LooksUntilLeft && subscriptions.Ignored.Any();
        if (count == 0 || (count == _count && !isLeft))
        {
            return;
        }

        if (_count != uint.MaxValue && !isLeft)
        {
            _count = uint.MaxValue;    // seen once; the next look is an interval later
            return;
        }

        var delivered = 0;
        for (var i = 0u; i < count && await channel.BasicGetAsync(catalogue.Exchanges.Unrouted, autoAck: false, ct) is { } message; i++)
        {
            // What is not acknowledged goes back to its place when the channel ends.
            if ((IsWanted(message.RoutingKey, subscriptions.All) || (isLeft && IsWanted(message.RoutingKey, subscriptions.Ignored)))
                && !vanished.IsHeld(message.RoutingKey) && ReturnsOf(message.BasicProperties) < MaxReturns)
            {
                await channel.BasicRejectAsync(message.DeliveryTag, requeue: false, ct);
                delivered++;
            }
        }

        (_count, _looksAtTheSame) = (count - (uint)delivered, 0);
        if (delivered > 0)
        {
            LogDelivered(delivered);
        }
    }

    private static long ReturnsOf(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue(TransportHeaders.Deaths, out var deaths) == true && deaths is IList<object> all
            ? all.OfType<IDictionary<string, object>>().Where(
                d => d.TryGetValue("reason", out var reason) && reason is byte[] text && text.AsSpan().SequenceEqual("rejected"u8))
                .Sum(d => d.TryGetValue("count", out var count) ? Convert.ToInt64(count, CultureInfo.InvariantCulture) : 0)
            : 0;

    private bool IsWanted(string type, IEnumerable<WantedBinding> bindings) =>
        bindings.Any(b => b.Source == type || (b.Source == catalogue.Exchanges.AllEvents && Matches(b.RoutingKey, type)));

    // AMQP topics: a star is one word, a hash any number of them.
    private static bool Matches(string pattern, string type) => Regex.IsMatch(
        type, $"^{Regex.Escape(pattern).Replace(@"\.\#", @"(\..*)?", StringComparison.Ordinal).Replace(@"\#", ".*", StringComparison.Ordinal).Replace(@"\*", "[^.]*", StringComparison.Ordinal)}$",
        RegexOptions.NonBacktracking);

    [LoggerMessage(2142, LogLevel.Warning, "{Count} events that had reached nobody were sent once more.", EventName = "topology.unrouted_sent")]
    private partial void LogDelivered(int count);
}
