using System.Collections.Concurrent;
using MassTransit;
using MassTransit.RabbitMqTransport;
using MassTransit.Transports;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Chassis.Messaging.Queues;

/// <summary>
/// How a process leaves its lanes. The transport would cancel its consumer while a message is in work, and the broker give the next replica what comes after
/// that one. So the channels are closed first, as in a crash: the message goes back, is the first that the next replica gets, and waits there at its inbox row.
/// </summary>
internal sealed class LaneChannels : IFilter<ConsumeContext>, IHostedService
{
    private readonly ConcurrentDictionary<string, IChannel> _channels = new();

    public Task Send(ConsumeContext context, IPipe<ConsumeContext> next)
    {
        if (context.ReceiveContext.TryGetPayload<ChannelContext>(out var used))
        {
            _channels[context.ReceiveContext.InputAddress.GetEndpointName()!] = used.Channel;
        }

        return next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("lane");

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(_channels.Values.Select(channel => channel.AbortAsync(CancellationToken.None)));
}
