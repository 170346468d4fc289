using MassTransit;

namespace Chassis.Messaging;

/// <summary>How services publish boundary events and send commands. Both leave through the outbox of the unit of work.</summary>
public static class SendingExtensions
{
    /// <summary>Publishes a boundary event of the contracts.</summary>
    /// <param name="endpoint">The scoped endpoint, or the consume context.</param>
    /// <param name="message">The event.</param>
    /// <param name="sequence">Version of the aggregate after the event; consumers order by it.</param>
    /// <param name="ct">Cancels.</param>
    public static Task PublishEvent<T>(this IPublishEndpoint endpoint, T message, long? sequence = null, CancellationToken ct = default)
        where T : class => endpoint.Publish(message, ct);

    /// <summary>Sends a command to one queue.</summary>
    /// <param name="endpoints">The scoped provider, or the consume context.</param>
    /// <param name="queue">Name of the queue.</param>
    /// <param name="message">The command.</param>
    /// <param name="key">What it is about, as a rule the aggregate's id: messages of one key leave in the order of their commits.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task SendCommand<T>(this ISendEndpointProvider endpoints, string queue, T message, Guid key, CancellationToken ct = default)
        where T : class
    {
        var endpoint = await endpoints.GetSendEndpoint(new Uri($"queue:{queue}"));
        await endpoint.Send(message, ct);
    }
}
