using MassTransit;
using MassTransit.RabbitMqTransport;

namespace Chassis.Messaging.Endpoints;

/// <summary>
/// Gives a message up whose channel has ended while it was handled, before the transport tries to acknowledge it. For then the transport closes that channel from
/// within the channel's own dispatcher, which waits for itself, and the end of the connection is never announced to those who listen for it.
/// ADR: docs/adr/0017-consumption-is-guarded.md.
/// </summary>
internal sealed class LostChannelFilter : IFilter<ReceiveContext>
{
    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        await next.Send(context);
        await context.ReceiveCompleted;
        if (context.TryGetPayload<ChannelContext>(out var transport) && transport.Channel.IsClosed)
        {
            throw new ChannelLostException();
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("lostChannel");
}

/// <summary>The message was handled, and the broker will deliver it again.</summary>
internal sealed class ChannelLostException()
    : Exception("The connection to the broker was lost while the message was handled. What it did is committed; it comes again and is found in the inbox.");
