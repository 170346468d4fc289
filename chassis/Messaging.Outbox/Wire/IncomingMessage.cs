using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using MassTransit;
using MassTransit.Metadata;
using MassTransit.Serialization;

namespace Chassis.Messaging.Wire;

/// <summary>
/// What both formats have in common once they are read: ids, headers and a body that is turned into the consumer's type when it is asked for.
/// </summary>
internal abstract class IncomingMessage : SerializerContext
{
    public virtual Guid? MessageId => null;

    public virtual Guid? RequestId => null;

    public virtual Guid? CorrelationId => null;

    public virtual Guid? ConversationId => null;

    public virtual Guid? InitiatorId => null;

    public virtual DateTime? ExpirationTime => null;

    public virtual Uri? SourceAddress => null;

    public virtual Uri? DestinationAddress => null;

    public virtual Uri? ResponseAddress => null;

    public virtual Uri? FaultAddress => null;

    public virtual DateTime? SentTime => null;

    public abstract Headers Headers { get; }

    public HostInfo Host => HostMetadataCache.Empty;

    public abstract string[] SupportedMessageTypes { get; }

    /// <summary>For the dead letters: the type in the words of the wire.</summary>
    public abstract string WireType { get; }

    public bool IsSupportedMessageType<T>()
        where T : class => IsSupportedMessageType(typeof(T));

    public abstract bool IsSupportedMessageType(Type messageType);

    public bool TryGetMessage<T>(out T? message)
        where T : class
    {
        message = TryGetMessage(typeof(T), out var value) ? (T)value : null;
        return message is not null;
    }

    public abstract bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message);

    /// <summary>Sends the same bytes again.</summary>
    public abstract IMessageSerializer GetMessageSerializer();

    public IMessageSerializer GetMessageSerializer<T>(MessageEnvelope envelope, T message)
        where T : class => new EnvelopeSerializer();

    public IMessageSerializer GetMessageSerializer(object message, string[] messageTypes) => new EnvelopeSerializer();

    public Dictionary<string, object> ToDictionary<T>(T? message)
        where T : class => message is null
            ? new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase)
            : JsonSerializer.SerializeToElement(message, MessageFormatter.OptionsFor(typeof(T))).Deserialize<Dictionary<string, object>>()!;

    public T? DeserializeObject<T>(object? value, T? defaultValue = null)
        where T : class => SystemTextJsonMessageSerializer.Instance.DeserializeObject(value, defaultValue);

    public T? DeserializeObject<T>(object? value, T? defaultValue = null)
        where T : struct => SystemTextJsonMessageSerializer.Instance.DeserializeObject(value, defaultValue);

    public MessageBody SerializeObject(object? value) => SystemTextJsonMessageSerializer.Instance.SerializeObject(value);
}

/// <summary>A serializer that repeats bytes which are there already.</summary>
internal sealed class VerbatimSerializer(string contentType, byte[] body) : IMessageSerializer
{
    public System.Net.Mime.ContentType ContentType { get; } = new(contentType);

    public MessageBody GetMessageBody<T>(SendContext<T> context)
        where T : class => new BytesMessageBody(body);
}
