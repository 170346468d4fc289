using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Serialization;
using Contracts.Events;
using MassTransit;
using MassTransit.Serialization;

namespace Chassis.Messaging.Wire;

/// <summary>Reads commands, answers and time-outs: MassTransit envelopes, with strictness for what is inside.</summary>
internal sealed class EnvelopeReader : IMessageDeserializer
{
    public ContentType ContentType { get; } = new(MessageKeys.CommandContentType);

    public ConsumeContext Deserialize(ReceiveContext receiveContext) =>
        new BodyConsumeContext(receiveContext, Read(receiveContext.Body.GetBytes(), TransportHeaders.Of(receiveContext)));

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null) =>
        Read(body.GetBytes(), TransportHeaders.Of(headers));

    public MessageBody GetMessageBody(string text) => new StringMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("commands");

    /// <summary>The first message type of an envelope, or null when it is none.</summary>
    public static string? TypeOf(byte[] body) => LabelOf(body).Type;

    /// <summary>What can be said of a message without what it says; nothing when it is no envelope.</summary>
    public static (string? Type, string? CorrelationId, string? TenantId) LabelOf(byte[] body)
    {
        try
        {
            var envelope = JsonSerializer.Deserialize(body, EnvelopeJson.Default.Envelope);
            return (envelope?.MessageType?.FirstOrDefault(), Header(CloudEventHeaders.CorrelationId), Header(CloudEventHeaders.TenantId));

            string? Header(string name) => envelope?.Headers?.GetValueOrDefault(name)?.ToString();
        }
        catch (JsonException)
        {
            return (null, null, null);
        }
    }

    public static IncomingCommand Read(byte[] body, Dictionary<string, string> headers)
    {
        try
        {
            var envelope = JsonSerializer.Deserialize(body, EnvelopeJson.Default.Envelope);
            return envelope?.MessageType is { Length: > 0 } && envelope.Message.ValueKind == JsonValueKind.Object
                ? new IncomingCommand(envelope, body, headers)
                : throw new InvalidMessageException("The envelope has no message or no type.");
        }
        catch (JsonException e)
        {
            throw new InvalidMessageException($"The envelope cannot be read at {e.Path}.");
        }
    }
}

internal sealed record Envelope
{
    public Guid? MessageId { get; init; }

    public Guid? RequestId { get; init; }

    public Guid? CorrelationId { get; init; }

    public Guid? ConversationId { get; init; }

    public Guid? InitiatorId { get; init; }

    public Uri? SourceAddress { get; init; }

    public Uri? ResponseAddress { get; init; }

    public Uri? FaultAddress { get; init; }

    public string[]? MessageType { get; init; }

    public JsonElement Message { get; init; }

    public DateTime? ExpirationTime { get; init; }

    public DateTime? SentTime { get; init; }

    public Dictionary<string, object?>? Headers { get; init; }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Envelope))]
internal sealed partial class EnvelopeJson : JsonSerializerContext;

internal sealed class IncomingCommand : IncomingMessage
{
    private readonly Envelope _envelope;
    private readonly byte[] _body;

    public IncomingCommand(Envelope envelope, byte[] body, Dictionary<string, string> transportHeaders)
    {
        _envelope = envelope;
        _body = body;
        var headers = envelope.Headers is null
            ? new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase)
            : new Dictionary<string, object?>(envelope.Headers.Select(h => KeyValuePair.Create(h.Key, Plain(h.Value))), StringComparer.OrdinalIgnoreCase);

        // The transport's count is the newer one: a redelivered message keeps its body as it was.
        if (transportHeaders.TryGetValue(MessageKeys.Redeliveries, out var redeliveries))
        {
            headers[MassTransit.MessageHeaders.RedeliveryCount] = redeliveries;
        }

        Headers = new ReadOnlyDictionaryHeaders(this, headers!);
    }

    public override Guid? MessageId => _envelope.MessageId;

    public override Guid? RequestId => _envelope.RequestId;

    public override Guid? CorrelationId => _envelope.CorrelationId;

    public override Guid? ConversationId => _envelope.ConversationId;

    public override Guid? InitiatorId => _envelope.InitiatorId;

    public override DateTime? ExpirationTime => _envelope.ExpirationTime;

    public override DateTime? SentTime => _envelope.SentTime;

    public override Uri? SourceAddress => _envelope.SourceAddress;

    public override Uri? ResponseAddress => _envelope.ResponseAddress;

    public override Uri? FaultAddress => _envelope.FaultAddress;

    public override Headers Headers { get; }

    public override string[] SupportedMessageTypes => _envelope.MessageType!;

    public override string WireType => _envelope.MessageType![0];

    public override bool IsSupportedMessageType(Type messageType) =>
        SupportedMessageTypes.Contains(MessageUrn.ForTypeString(messageType), StringComparer.OrdinalIgnoreCase);

    public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
    {
        if (!IsSupportedMessageType(messageType))
        {
            message = null;
            return false;
        }

        try
        {
            message = _envelope.Message.Deserialize(messageType, MessageFormatter.OptionsFor(messageType));
            return message is not null;
        }
        catch (JsonException e)
        {
            throw new InvalidMessageException($"{messageType.Name}: the message does not fit at {e.Path}.");
        }
    }

    public override IMessageSerializer GetMessageSerializer() => new VerbatimSerializer(MessageKeys.CommandContentType, _body);

    // A text is a text, as whoever set the header had it; what is more than a value stays JSON, and is read by whoever asks for its type.
    private static object? Plain(object? value) => value is not JsonElement element ? value : element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.True or JsonValueKind.False => element.GetBoolean(),
        JsonValueKind.Number => element.TryGetInt64(out var whole) ? (object)whole : element.GetDouble(),
        JsonValueKind.Null => null,
        _ => element,
    };
}
