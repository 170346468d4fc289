using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Mime;
using System.Text;
using System.Text.Json;
using Contracts.Events;
using MassTransit;
using MassTransit.Serialization;

namespace Chassis.Messaging.Wire;

/// <summary>
/// Reads boundary events. What a message is, its <c>cloudEvents_type</c> says and nothing else; a message that is not what it claims to be
/// is refused before a handler sees it.
/// </summary>
internal sealed class BoundaryEventReader(EventCatalogue catalogue) : IMessageDeserializer
{
    public ContentType ContentType { get; } = new(MessageKeys.EventContentType);

    public ConsumeContext Deserialize(ReceiveContext receiveContext) =>
        new BodyConsumeContext(receiveContext, new IncomingEvent(catalogue, TransportHeaders.Of(receiveContext), receiveContext.Body.GetBytes()));

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null) =>
        new IncomingEvent(catalogue, TransportHeaders.Of(headers), body.GetBytes());

    public MessageBody GetMessageBody(string text) => new StringMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("boundaryEvents");
}

/// <summary>Takes what has no content type, or one that nobody here reads.</summary>
internal sealed class RefusingReader : IMessageDeserializer
{
    public const string MediaType = "application/x-refused";

    public ContentType ContentType { get; } = new(MediaType);

    public ConsumeContext Deserialize(ReceiveContext receiveContext) =>
        throw new InvalidMessageException(receiveContext.ContentType is { } type
            ? $"The content type {type.MediaType} is not supported; boundary events are {MessageKeys.EventContentType}."
            : $"The message has no content type; boundary events are {MessageKeys.EventContentType}.");

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null) =>
        throw new InvalidMessageException("The content type is not supported.");

    public MessageBody GetMessageBody(string text) => new StringMessageBody(text);

    public void Probe(ProbeContext context) => context.CreateScope("refused");
}

/// <summary>The headers of the transport as text.</summary>
internal static class TransportHeaders
{
    /// <summary>Where the broker writes down that it has moved the message from a queue; no text, and nothing of the message.</summary>
    public const string Deaths = "x-death";

    public static Dictionary<string, string> Of(ReceiveContext context) =>
        context.TryGetPayload<RabbitMqBasicConsumeContext>(out var rabbit) ? Of(rabbit.Properties.Headers) : Of(context.TransportHeaders);

    public static Dictionary<string, string> Of(Headers headers)
    {
        var result = new Dictionary<string, string>();
        foreach (var (name, value) in headers.GetAll())
        {
            result[name] = Text(value);
        }

        return result;
    }

    public static Dictionary<string, string> Of(IEnumerable<KeyValuePair<string, object?>>? headers)
    {
        var result = new Dictionary<string, string>();
        foreach (var (name, value) in headers ?? [])
        {
            if (value is not null && name != Deaths)
            {
                result[name] = Text(value);
            }
        }

        return result;
    }

    private static string Text(object value) => value switch
    {
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        string text => text,
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => JsonSerializer.Serialize(value),
    };
}

internal sealed class IncomingEvent : IncomingMessage
{
    private readonly EventCatalogue _catalogue;
    private readonly CloudEventEnvelope _envelope;
    private readonly Dictionary<string, string> _transportHeaders;
    private readonly BoundaryEventDescriptor? _descriptor;
    private readonly byte[] _body;
    private object? _message;
    private Headers? _headers;

    public IncomingEvent(EventCatalogue catalogue, Dictionary<string, string> headers, byte[] body)
    {
        _catalogue = catalogue;
        _transportHeaders = headers;
        _body = body;
        if (CloudEventEnvelope.TryRead(name => headers.GetValueOrDefault(name), out var envelope) is { } reason)
        {
            throw new InvalidMessageException($"Not a CloudEvent: {reason}.");
        }

        _envelope = envelope!;
        _descriptor = catalogue.Find(_envelope.Type);
        MessageId = MessageKeys.ToGuid(_envelope.Source, _envelope.Id);
        SupportedMessageTypes = [_descriptor is null ? _envelope.Type : MessageUrn.ForTypeString(_descriptor.ClrType)];
    }

    public override Guid? MessageId { get; }

    public override DateTime? SentTime => _envelope.Time.UtcDateTime;

    public override string[] SupportedMessageTypes { get; }

    public override string WireType => _envelope.Type;

    /// <summary>The service whose word the event is; null when it is nobody's.</summary>
    public string? Owner => _catalogue.OwnerOf(_envelope.Type, _envelope.Source);

    /// <summary>Whether this version of the contracts knows the type.</summary>
    public bool IsKnown => _descriptor is not null;

    public bool IsDeprecated => _descriptor?.Deprecated == true;

    public override Headers Headers => _headers ??= CreateHeaders();

    public override bool IsSupportedMessageType(Type messageType) =>
        messageType == typeof(RawBoundaryEvent) || (_descriptor is not null && messageType.IsAssignableFrom(_descriptor.ClrType));

    public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
    {
        if (messageType == typeof(RawBoundaryEvent))
        {
            // Whoever passes it on vouches for it.
            Check();
            message = new RawBoundaryEvent(
                _envelope.Type,
                _envelope.Id,
                _transportHeaders
                    .Where(h => h.Key.StartsWith(CloudEventHeaders.Prefix, StringComparison.Ordinal))
                    .ToDictionary(h => h.Key[CloudEventHeaders.Prefix.Length..], h => h.Value),
                _body);
            return true;
        }

        message = IsSupportedMessageType(messageType) ? _message ??= Read(_descriptor!) : null;
        return message is not null;
    }

    public override IMessageSerializer GetMessageSerializer() => new VerbatimSerializer(MessageKeys.EventContentType, _body);

    /// <summary>What the contract says of the body; of a type that this version does not know, that it is JSON.</summary>
    private void Check()
    {
        if (_descriptor is not null)
        {
            if (ContractValidator.Validate(_descriptor, _body) is { } reason)
            {
                throw new InvalidMessageException($"{_descriptor.Type}: {reason}.");
            }

            return;
        }

        try
        {
            using var json = JsonDocument.Parse(_body);
        }
        catch (JsonException)
        {
            throw new InvalidMessageException($"{_envelope.Type}: the body is no JSON.");
        }
    }

    private object Read(BoundaryEventDescriptor descriptor)
    {
        Check();
        try
        {
            return JsonSerializer.Deserialize(_body, descriptor.ClrType, ContractJson.Options)
                ?? throw new InvalidMessageException($"{descriptor.Type}: the body is null.");
        }
        catch (JsonException e)
        {
            throw new InvalidMessageException($"{descriptor.Type}: the body does not fit at {e.Path}.");
        }
    }

    private ReadOnlyDictionaryHeaders CreateHeaders()
    {
        var headers = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in _transportHeaders.Where(h => h.Key != MessageKeys.SentBy))
        {
            headers[name == MessageKeys.Redeliveries ? MessageHeaders.RedeliveryCount : name] = value;
        }

        return new ReadOnlyDictionaryHeaders(this, headers!);
    }
}
