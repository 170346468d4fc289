using System.Collections.Concurrent;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.JobService;

namespace Chassis.Messaging.DeadLetters;

/// <summary>
/// Who takes what from which queue of this service, and as whom the inbox knows them: whether a message is consumed can be asked of the inbox by that.
/// </summary>
internal sealed class InboxConsumers(EventCatalogue catalogue, Lanes lanes)
{
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<Guid, Type>> _queues = new();
    private readonly ConcurrentDictionary<Guid, Guid> _ofLanes = new();

    /// <returns>The consumer's id in the inbox.</returns>
    public Guid Add<TConsumer, TMessage>(string queue)
        where TConsumer : class
        where TMessage : class
    {
        // As MassTransit's outbox filter makes it.
        var name = lanes.NameOf(queue);
        var consumer = JobMetadataCache<TConsumer, TMessage>.GenerateJobTypeId(name);
        if (name != queue)
        {
            _ofLanes[JobMetadataCache<TConsumer, TMessage>.GenerateJobTypeId(queue)] = consumer;
        }

        _queues.GetOrAdd(name, _ => new ConcurrentDictionary<Guid, Type>())[consumer] = typeof(TMessage);
        return consumer;
    }

    /// <summary>The id of a consumer for the inbox: the same in all lanes of a queue, so that a message that comes again by another is known.</summary>
    public Guid IdOf(Guid consumer) => _ofLanes.TryGetValue(consumer, out var shared) ? shared : consumer;

    /// <summary>A message as the consumers of its queue read it.</summary>
    public StoredMessage Read(string queue, string contentType, Dictionary<string, string> headers, byte[] body)
    {
        if (Parse(contentType, headers, body) is not { } message)
        {
            return StoredMessage.Unreadable;
        }

        List<KeyValuePair<Guid, Type>> takers = _queues.TryGetValue(queue, out var known)
            ? [.. known.Where(c => message.IsSupportedMessageType(c.Value)).OrderBy(c => c.Key)]
            : [];
        var descriptor = message is IncomingEvent ? catalogue.Find(message.WireType) : null;
        return new StoredMessage(
            MessageKeys.InboxKey(message),
            [.. takers.Select(c => c.Key)],
            descriptor,
            message is IncomingCommand ? takers.Select(c => c.Value).FirstOrDefault(type => type is { IsClass: true, IsAbstract: false }) : null);
    }

    private IncomingMessage? Parse(string contentType, Dictionary<string, string> headers, byte[] body)
    {
        try
        {
            return contentType.StartsWith(MessageKeys.CommandContentType, StringComparison.OrdinalIgnoreCase) ? EnvelopeReader.Read(body, headers)
                : contentType.StartsWith(MessageKeys.EventContentType, StringComparison.OrdinalIgnoreCase) ? new IncomingEvent(catalogue, headers, body)
                : null;
        }
        catch (InvalidMessageException)
        {
            return null;
        }
    }
}

/// <summary>What is known of a message beside its bytes.</summary>
/// <param name="InboxId">Its id in the inbox; null when it cannot be read.</param>
/// <param name="Consumers">Who of its queue takes it.</param>
/// <param name="Event">What the catalogue says of it.</param>
/// <param name="Command">The record of a command, where a consumer of the queue takes it.</param>
internal sealed record StoredMessage(Guid? InboxId, Guid[] Consumers, BoundaryEventDescriptor? Event, Type? Command)
{
    public static readonly StoredMessage Unreadable = new(null, [], null, null);
}
