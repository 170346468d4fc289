using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <summary>How a dead letter leaves again, and what its history says of it.</summary>
internal static class Resending
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>
    /// The message keeps its id. It gets past the inbox, because the transaction that failed took its inbox row with it. It has its tries in memory and is put
    /// back no more: whoever sends it again waits to hear what becomes of it.
    /// </summary>
    public static OutboxRow RowOf(
        string messageId, string queue, string contentType, IReadOnlyDictionary<string, string> stored, byte[] body, DateTimeOffset due, int redeliveries)
    {
        var headers = stored.Where(header => !IsOfItsDeaths(header.Key)).ToDictionary();
        headers[MessageKeys.Redeliveries] = redeliveries.ToString(CultureInfo.InvariantCulture);
        headers[MessageKeys.Resent] = "true";
        return new OutboxRow
        {
            MessageId = MessageKeys.ToGuid(headers.GetValueOrDefault(CloudEventHeaders.Source) ?? string.Empty, messageId),
            Exchange = queue,
            RoutingKey = string.Empty,
            ContentType = contentType,
            Headers = headers,
            Body = body,
            Mandatory = true,
            DueAt = due,
        };
    }

    /// <summary>An entry of the history, as an array to be appended.</summary>
    public static NpgsqlParameter Entry(DateTimeOffset at, string what, string by, string? reason = null, Guid? retry = null) => new()
    {
        Value = JsonSerializer.Serialize(
            new[] { new { at = at.UtcDateTime.ToString("O", CultureInfo.InvariantCulture), @event = what, by, reason, retry } }, Json),
        NpgsqlDbType = NpgsqlDbType.Jsonb,
    };

    private static bool IsOfItsDeaths(string header) =>
        header.StartsWith("x-first-death", StringComparison.Ordinal) || header.StartsWith("x-last-death", StringComparison.Ordinal) || header == "x-delivery-count";
}
