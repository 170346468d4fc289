using Chassis.Messaging.Relay;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Chassis.Messaging.Queues;

/// <summary>Binds at once; <see cref="TopologyWatch"/> sees to it that it stays so.</summary>
internal sealed class ChangingSubscriptions(BrokerConnection broker, Subscriptions subscriptions, TimeProvider clock) : IChangingSubscriptions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public bool OthersAreBound => subscriptions.AreBound;

    public Task TakeAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct) => DoAsync(
        async (channel, token) =>
        {
            foreach (var pattern in patterns)
            {
                await channel.ExchangeBindAsync(queue, Exchanges.AllEvents, pattern, cancellationToken: token);
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
                await channel.ExchangeUnbindAsync(queue, Exchanges.AllEvents, pattern, cancellationToken: token);
            }
        },
        ct);

    public Task IgnoreAsync(string exchange, string pattern, bool ignored, CancellationToken ct) => DoAsync(
        async (channel, token) =>
        {
            await channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true, cancellationToken: token);
            await (ignored
                ? channel.ExchangeBindAsync(exchange, Exchanges.AllEvents, pattern, cancellationToken: token)
                : channel.ExchangeUnbindAsync(exchange, Exchanges.AllEvents, pattern, cancellationToken: token));
        },
        ct);

    private static WantedBinding Of(string queue, string pattern) => new(Exchanges.AllEvents, queue, pattern);

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
