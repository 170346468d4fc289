using Chassis.Messaging.Relay;
using Contracts.Events;
using RabbitMQ.Client;

namespace Chassis.Messaging.Queues;

/// <summary>Binds at once; <see cref="TopologyWatch"/> sees to it that it stays so.</summary>
internal sealed class ChangingSubscriptions(BrokerConnection broker, EventCatalogue catalogue, Subscriptions subscriptions, TimeProvider clock)
    : IChangingSubscriptions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public bool OthersAreBound => subscriptions.AreBound;

    public Task TakeAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct) => DoAsync(
        async (channel, token) =>
        {
            foreach (var pattern in patterns)
            {
                await channel.ExchangeBindAsync(queue, catalogue.Exchanges.AllEvents, pattern, cancellationToken: token);
                subscriptions.AddBound(Of(queue, pattern));
            }
        },
        ct);

    public Task LeaveAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct) => DoAsync(
        async (channel, token) =>
        {
            foreach (var pattern in patterns)
            {
                subscriptions.Remove(Of(queue, pattern));
                await channel.ExchangeUnbindAsync(queue, catalogue.Exchanges.AllEvents, pattern, cancellationToken: token);
            }
        },
        ct);

    public Task IgnoreAsync(string exchange, string pattern, bool ignored, CancellationToken ct) => DoAsync(
        async (channel, token) =>
        {
            await channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true, cancellationToken: token);
            if (ignored)
            {
                await channel.ExchangeBindAsync(exchange, catalogue.Exchanges.AllEvents, pattern, cancellationToken: token);
                subscriptions.Ignore(Of(exchange, pattern));
            }
            else
            {
                subscriptions.IgnoreNoLonger(Of(exchange, pattern));
                await channel.ExchangeUnbindAsync(exchange, catalogue.Exchanges.AllEvents, pattern, cancellationToken: token);
            }
        },
        ct);

    private WantedBinding Of(string queue, string pattern) => new(catalogue.Exchanges.AllEvents, queue, pattern);

    private async Task DoAsync(Func<IChannel, CancellationToken, Task> work, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            await using var connection = await broker.OpenAsync("subscriptions", either.Token);
            await using var channel = await connection.CreateChannelAsync(cancellationToken: either.Token);
            await work(channel, either.Token);
        }
        catch (Exception e) when (BrokerFailure.Is(e) && !ct.IsCancellationRequested)
        {
            throw new BrokerUnavailableException(e);
        }
    }
}
