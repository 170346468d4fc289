using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging.Relay;

/// <summary>
/// Exchanges of this service's events that were there and are gone, because somebody has deleted them, and with them what consumers had bound. What is
/// published to one that has been made again reaches nobody until they have bound to it. So it is not made again before every replica has seen that it is gone,
/// and nothing is sent there before every consumer had the time to come back: the messages wait in the outbox.
/// </summary>
internal sealed class VanishedExchanges(IOptions<MessagingOptions> options, TimeProvider clock)
{
    /// <summary>Why a message was not sent. No failed attempt: it will not be put aside for it.</summary>
    public const string Reason = "The exchange was deleted; its consumers get time to bind to it again.";

    private readonly ConcurrentDictionary<string, long> _known = new();
    private readonly ConcurrentDictionary<string, (long Since, long? Back)> _gone = new();

    private TimeSpan Interval => options.Value.TopologyInterval;

    /// <summary>Whether it has been there since this process began.</summary>
    public bool IsKnown(string exchange) => _known.ContainsKey(exchange);

    public void Found(string exchange)
    {
        _known[exchange] = 0;
        if (_gone.TryGetValue(exchange, out var gone) && gone.Back is null)
        {
            _gone.TryUpdate(exchange, (gone.Since, clock.GetTimestamp()), gone);
        }
    }

    public void Lost(string exchange) =>
        _gone.AddOrUpdate(exchange, _ => (clock.GetTimestamp(), null), (_, gone) => gone.Back is null ? gone : (clock.GetTimestamp(), null));

    /// <summary>Whether it may be made again: every replica looks once in an interval.</summary>
    public bool MayBeMade(string exchange) =>
        !_gone.TryGetValue(exchange, out var gone) || gone.Back is not null || clock.GetElapsedTime(gone.Since) >= Interval;

    /// <summary>
    /// Whether its messages have to wait: until it is there again, which is at a look and not at any time, then an interval in which its consumers look, and
    /// one for whoever looks late.
    /// </summary>
    public bool IsHeld(string exchange)
    {
        if (!_gone.TryGetValue(exchange, out var gone))
        {
            return false;
        }

        if (gone.Back is not { } back || clock.GetElapsedTime(back) < Interval * 2)
        {
            return true;
        }

        _gone.TryRemove(KeyValuePair.Create(exchange, gone));
        return false;
    }
}
