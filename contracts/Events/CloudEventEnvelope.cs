using System.Globalization;
using System.Text.Json;

namespace Contracts.Events;

/// <summary>What travels with a boundary event beside its data: the CloudEvents 1.0 attributes, all of them, in one place.</summary>
/// <param name="Id">Unique per event and the same on every repeat and replay: what consumers recognise duplicates by.</param>
/// <param name="Source">Who published it, see <see cref="EventCatalogue.SourceOf"/>.</param>
/// <param name="Type">Wire name of the event.</param>
/// <param name="Time">When it happened.</param>
/// <param name="Subject">What it is about, for example the order id.</param>
/// <param name="DataSchema">Name of its JSON Schema.</param>
/// <param name="CorrelationId">The same on everything that follows from one request.</param>
/// <param name="CausationId">Id of the message or request that led to it directly.</param>
/// <param name="Sequence">Position among the events of its subject, at most <see cref="MaxSequence"/>; consumers order by it, not by arrival.</param>
/// <param name="TenantId">The tenant, where there is more than one.</param>
/// <param name="TraceParent">W3C trace context of the publisher.</param>
/// <param name="Replay">Whether it was sent again from the archive to one named queue.</param>
public sealed record CloudEventEnvelope(
    string Id,
    string Source,
    string Type,
    DateTimeOffset Time,
    string Subject,
    string? DataSchema = null,
    string? CorrelationId = null,
    string? CausationId = null,
    long? Sequence = null,
    string? TenantId = null,
    string? TraceParent = null,
    bool Replay = false)
{
    public const string SpecVersion = "1.0";

    /// <summary>Longest id, source, type and subject, in characters. CloudEvents sets no limit; what has to be stored and found needs one.</summary>
    public const int MaxNameLength = 255;

    /// <summary>
    /// Highest sequence that is believed: one event of a subject in every second of thirty years. Whoever orders by it takes nothing in after a higher one, so
    /// that nonsense would stay.
    /// </summary>
    public const long MaxSequence = 1_000_000_000;

    public const string StructuredContentType = "application/cloudevents+json";

    /// <summary>The attributes that have a value, by attribute name and as strings, in the order of the specification.</summary>
    public IEnumerable<KeyValuePair<string, string>> Attributes()
    {
        yield return new("specversion", SpecVersion);
        yield return new("id", Id);
        yield return new("source", Source);
        yield return new("type", Type);
        yield return new("time", Time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
        yield return new("subject", Subject);
        foreach (var (name, value) in new (string, string?)[]
        {
            ("dataschema", DataSchema),
            ("correlationid", CorrelationId),
            ("causationid", CausationId),
            ("sequence", Sequence?.ToString(CultureInfo.InvariantCulture)),
            ("tenantid", TenantId),
            ("traceparent", TraceParent),
            ("replay", Replay ? "true" : null),
        })
        {
            if (value is not null)
            {
                yield return new(name, value);
            }
        }
    }

    /// <summary>Binary mode: the attributes as AMQP headers.</summary>
    public IEnumerable<KeyValuePair<string, string>> ToHeaders() =>
        Attributes().Select(a => KeyValuePair.Create(CloudEventHeaders.Prefix + a.Key, a.Value));

    /// <summary>Reads binary mode.</summary>
    /// <param name="header">Gives the value of a header, or null.</param>
    /// <param name="envelope">The envelope, when the headers make one.</param>
    /// <returns>Null, or the reason for which the headers are not those of a CloudEvent.</returns>
    public static string? TryRead(Func<string, string?> header, out CloudEventEnvelope? envelope)
    {
        ArgumentNullException.ThrowIfNull(header);
        envelope = null;
        if (header(CloudEventHeaders.SpecVersion) != SpecVersion)
        {
            return $"header {CloudEventHeaders.SpecVersion} must be {SpecVersion}";
        }

        foreach (var required in (string[])
        [
            CloudEventHeaders.Id, CloudEventHeaders.Source, CloudEventHeaders.Type, CloudEventHeaders.Time, CloudEventHeaders.Subject,
        ])
        {
            if (header(required) is not { Length: > 0 } text)
            {
                return $"header {required} is required";
            }

            if (text.Length > MaxNameLength || text.Any(char.IsControl))
            {
                return $"header {required} must have at most {MaxNameLength} characters, none of them a control character";
            }
        }

        if (!DateTimeOffset.TryParse(header(CloudEventHeaders.Time), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return $"header {CloudEventHeaders.Time} must be an RFC 3339 time";
        }

        long? sequence = null;
        if (header(CloudEventHeaders.Sequence) is { } number)
        {
            if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value > MaxSequence)
            {
                return $"header {CloudEventHeaders.Sequence} must be a whole number of at most {MaxSequence}";
            }

            sequence = value;
        }

        envelope = new CloudEventEnvelope(
            header(CloudEventHeaders.Id)!,
            header(CloudEventHeaders.Source)!,
            header(CloudEventHeaders.Type)!,
            time,
            header(CloudEventHeaders.Subject)!,
            header(CloudEventHeaders.DataSchema),
            header(CloudEventHeaders.CorrelationId),
            header(CloudEventHeaders.CausationId),
            sequence,
            header(CloudEventHeaders.TenantId),
            header(CloudEventHeaders.TraceParent),
            header(CloudEventHeaders.Replay) == "true");
        return null;
    }

    /// <summary>Structured mode: one JSON document with the attributes and the data, byte for byte the same for the same event.</summary>
    /// <param name="data">The event's body as it was published.</param>
    public byte[] ToStructured(ReadOnlySpan<byte> data)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in Attributes())
            {
                writer.WriteString(name, value);
            }

            writer.WriteString("datacontenttype", "application/json");
            writer.WritePropertyName("data");
            writer.WriteRawValue(data);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
