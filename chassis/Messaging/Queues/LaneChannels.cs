using System.Collections.Concurrent;
using MassTransit;
using MassTransit.RabbitMqTransport;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Chassis.Messaging.Queues;

/// <summary>
/// How a process leaves its lanes. The transport would cancel its consumer while a message is in work, and the broker give the next replica what comes after
/// that one. So the channels are closed first, as in a crash: the message goes back, is the first that the next replica gets, and waits there at its inbox row.
/// </summary>
internal sealed class LaneChannels : IHostedService
{
    private readonly ConcurrentDictionary<string, ChannelContext> _channels = new();

    public IFilter<ChannelContext> Of(string lane) => new Note(this, lane);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(_channels.Keys.Select(CloseAsync));

    /// <summary>What it has in hand goes back, and another is the active one; the transport opens it again, and waits for its turn.</summary>
    public async Task CloseAsync(string lane)
    {
        try
        {
            if (_channels.TryRemove(lane, out var context))
            {
                await context.Channel.AbortAsync(CancellationToken.None);
            }
        }
        catch (ObjectDisposedException)
        {
            // The transport throws away a channel that closes while that goes on.
        }
    }

    private sealed class Note(LaneChannels owner, string lane) : IFilter<ChannelContext>
    {
        public Task Send(ChannelContext context, IPipe<ChannelContext> next)
        {
            owner._channels[lane] = context;
            return next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("laneChannel");
    }
}
