using System.Collections.Concurrent;
using StackExchange.Redis;

namespace Chassis.Redis;

/// <summary>
/// Between the replicas of a service, by Redis Pub/Sub: one channel for each topic, <c>service:bus:topic</c>. What is published while Redis is away is lost,
/// and what subscribers have missed meanwhile nobody tells them.
/// </summary>
public sealed class RedisEventBus(RedisLink link, ServiceIdentity service) : EventBus, IDisposable
{
    private readonly ConcurrentDictionary<string, ChannelMessageQueue> _followed = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile bool _isStarted;

    public override bool IsShared => true;

    protected override string? Trouble => !_isStarted ? "It was not started, or has stopped."
        : !link.IsUp ? "Redis is away."
        : Topics.All(IsHeard) ? null
        : "Not every topic is heard yet.";

    public override Task StartAsync(CancellationToken ct)
    {
        _isStarted = true;
        link.OnAnswered = FollowAsync;
        OnTopicsChanged();
        return Task.CompletedTask;
    }

    public override async Task StopAsync(CancellationToken ct)
    {
        _isStarted = false;
        link.OnAnswered = null;
        if (link is { IsUp: true, Connection: { } connection })
        {
            await FollowAsync(connection).WaitAsync(ct);
        }
    }

    public void Dispose() => _changing.Dispose();

    protected override bool TrySend(string topic, ReadOnlyMemory<byte> body)
    {
        if (!_isStarted || !link.IsUp || link.Connection is not { } connection)
        {
            return false;
        }

        try
        {
            _ = connection.GetSubscriber().PublishAsync(ChannelOf(topic), body, CommandFlags.FireAndForget);
            return true;
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException)
        {
            return false;
        }
    }

    // At once where there is a connection; otherwise with the probe that finds it.
    protected override void OnTopicsChanged()
    {
        if (_isStarted && link is { IsUp: true, Connection: { } connection })
        {
            _ = Task.Run(() => FollowAsync(connection));
        }
    }

    private bool IsHeard(string topic) => _followed.ContainsKey(topic) && link.Connection!.GetSubscriber().IsConnected(ChannelOf(topic));

    /// <summary>Subscribes to what somebody here has subscribed to, and to nothing else. The client does so again by itself when it connects anew.</summary>
    private async Task FollowAsync(IConnectionMultiplexer connection)
    {
        await _changing.WaitAsync();
        try
        {
            var wanted = _isStarted ? Topics : [];
            foreach (var topic in wanted.Where(t => !_followed.ContainsKey(t)))
            {
                var queue = await connection.GetSubscriber().SubscribeAsync(ChannelOf(topic));
                queue.OnMessage(message => Deliver(topic, (ReadOnlyMemory<byte>)message.Message));
                _followed[topic] = queue;
            }

            foreach (var topic in _followed.Keys.Except(wanted))
            {
                _followed.TryRemove(topic, out var queue);
                await queue!.UnsubscribeAsync();
            }
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            // The next probe that is answered comes here again.
        }
        finally
        {
            _changing.Release();
        }
    }

    private RedisChannel ChannelOf(string topic) => RedisChannel.Literal($"{service.Name}:bus:{topic}");
}
