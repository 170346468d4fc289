using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging;

/// <summary>How services publish boundary events and send commands. Both leave through the outbox of the unit of work.</summary>
public static class SendingExtensions
{
    /// <summary>
    /// Publishes a boundary event of the contracts. Its subject is the outbox key: events of one subject leave in the order of their commits.
    /// </summary>
    /// <param name="endpoint">The scoped endpoint, or the consume context.</param>
    /// <param name="message">The event.</param>
    /// <param name="sequence">Version of the aggregate after the event; consumers order by it.</param>
    /// <param name="ct">Cancels.</param>
    public static Task PublishEventAsync<T>(this IPublishEndpoint endpoint, T message, long? sequence = null, CancellationToken ct = default)
        where T : class => PublishEventAsync(endpoint, message, sequence, Guid.CreateVersion7(), ct);

    /// <summary>
    /// Publishes a boundary event under a given id: the repetition of one that was published before, which consumers then know as a duplicate.
    /// </summary>
    /// <param name="endpoint">The scoped endpoint, or the consume context.</param>
    /// <param name="message">The event.</param>
    /// <param name="sequence">Version of the aggregate after the event.</param>
    /// <param name="eventId">The event's id. The archive keeps the first of each id.</param>
    /// <param name="ct">Cancels.</param>
    public static Task PublishEventAsync<T>(this IPublishEndpoint endpoint, T message, long? sequence, Guid eventId, CancellationToken ct = default)
        where T : class
    {
        if (!BoundaryEvent<T>.IsOne)
        {
            throw new ArgumentException($"{typeof(T).Name} is not a boundary event; it has no [BoundaryEvent].", nameof(message));
        }

        return endpoint.Publish(
            message,
            context =>
            {
                context.MessageId = eventId;
                if (sequence is { } version)
                {
                    context.GetOrAddPayload(() => new DispatchOptions(Sequence: version));
                }
            },
            ct);
    }

    /// <summary>Sends a command to one queue.</summary>
    /// <param name="endpoints">The scoped provider, or the consume context.</param>
    /// <param name="queue">Name of the queue.</param>
    /// <param name="message">The command.</param>
    /// <param name="key">What it is about, as a rule the aggregate's id: messages of one key leave in the order of their commits.</param>
    /// <param name="ct">Cancels.</param>
    public static Task SendCommandAsync<T>(this ISendEndpointProvider endpoints, string queue, T message, Guid key, CancellationToken ct = default)
        where T : class => SendAsync(endpoints, queue, message, new DispatchOptions(key.ToString()), ct);

    /// <summary>Sends a command to one queue, at a later time. Durable; the delay survives restarts.</summary>
    /// <param name="endpoints">The scoped provider, or the consume context.</param>
    /// <param name="queue">Name of the queue.</param>
    /// <param name="message">The command.</param>
    /// <param name="key">What it is about.</param>
    /// <param name="due">When it is to be sent.</param>
    /// <param name="ct">Cancels.</param>
    public static Task SendCommandAsync<T>(
        this ISendEndpointProvider endpoints, string queue, T message, Guid key, DateTimeOffset due, CancellationToken ct = default)
        where T : class => SendAsync(endpoints, queue, message, new DispatchOptions(key.ToString(), due), ct);

    private static class BoundaryEvent<T>
    {
        public static readonly bool IsOne = typeof(T).IsDefined(typeof(BoundaryEventAttribute), inherit: false);
    }

    private static async Task SendAsync<T>(ISendEndpointProvider endpoints, string queue, T message, DispatchOptions options, CancellationToken ct)
        where T : class
    {
        var endpoint = await endpoints.GetSendEndpoint(new Uri("queue:" + queue));
        await endpoint.Send(
            message,
            context =>
            {
                context.MessageId = Guid.CreateVersion7();
                context.GetOrAddPayload(() => options);
            },
            ct);
    }
}
