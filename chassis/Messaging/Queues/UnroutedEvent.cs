using System.Globalization;
using System.Text.RegularExpressions;
using Chassis.Messaging.Wire;
using RabbitMQ.Client;

namespace Chassis.Messaging.Queues;

/// <summary>What an event that reached nobody tells of itself.</summary>
internal static class UnroutedEvent
{
    /// <summary>How often it was sent once more and came back.</summary>
    public static long ReturnsOf(IReadOnlyBasicProperties properties) =>
        properties.Headers?.TryGetValue(TransportHeaders.Deaths, out var deaths) == true && deaths is IList<object> all
            ? all.OfType<IDictionary<string, object>>().Where(
                d => d.TryGetValue("reason", out var reason) && reason is byte[] text && text.AsSpan().SequenceEqual("rejected"u8))
                .Sum(d => d.TryGetValue("count", out var count) ? Convert.ToInt64(count, CultureInfo.InvariantCulture) : 0)
            : 0;

    // AMQP topics: a star is one word, a hash any number of them.
    public static bool Matches(string pattern, string type) => Regex.IsMatch(
        type, $"^{Regex.Escape(pattern).Replace(@"\.\#", @"(\..*)?", StringComparison.Ordinal).Replace(@"\#", ".*", StringComparison.Ordinal).Replace(@"\*", "[^.]*", StringComparison.Ordinal)}$",
        RegexOptions.NonBacktracking);
}
