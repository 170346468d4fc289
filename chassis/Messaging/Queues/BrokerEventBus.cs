using System.Threading.Channels;
using Chassis.Messaging.Relay;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Between the replicas of a service, through the broker: an exchange of the service, <c>service.bus</c>, and for each process a queue of its own that ends
/// with its connection. Nothing is confirmed, and nothing kept while the broker is away.
/// </summary>
internal sealed partial class BrokerEventBus(BrokerConnection broker, ServiceIdentity service, TimeProvider clock, ILogger<BrokerEventBus> logger)
    : EventBus, IAsyncDisposable
{
    private const int Most = 10_000;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly string _exchange = $"{service.Name}.bus";
    private readonly CancellationTokenSource _stopped = new();
    private volatile Channel<(string Topic, ReadOnlyMemory<byte> Body)>? _events;
    private volatile string? _trouble = "It was not started.";
    private Task _running = Task.CompletedTask;
    private bool _isDisposed;

    public override bool IsShared => true;

    protected override string? Trouble => _trouble;

    public override Task StartAsync(CancellationToken ct)
    {
        _trouble = "Not connected yet.";
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public override async Task StopAsync(CancellationToken ct)
    {
        if (_isDisposed)
        {
            return;
        }

        await _stopped.CancelAsync();
        await _running.WaitAsync(ct);
        _trouble = "It has stopped.";
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _stopped.CancelAsync();
        await _running;
        _stopped.Dispose();
    }

    protected override bool TrySend(string topic, ReadOnlyMemory<byte> body) => _events?.Writer.TryWrite((topic, body)) ?? false;

    private async Task RunAsync()
    {
        for (var tries = 1; !_stopped.IsCancellationRequested; tries++)
        {
            try
            {
                await using var connection = await broker.OpenAsync("event bus", _stopped.Token);
                await using var channel = await connection.CreateChannelAsync(cancellationToken: _stopped.Token);
                await ListenAsync(channel);
                tries = 0;
                await SendAsync(channel);
            }
            catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (BrokerFailure.Is(e) || e is ChannelClosedException)
            {
                LogAway(e.Message);
            }

            _trouble = "The broker is away.";
            var pause = Backoff.Jittered(Backoff.Exponential(tries, FirstPause, LongestPause));
            await Task.Delay(pause, clock, _stopped.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ListenAsync(IChannel channel)
    {
        await channel.ExchangeDeclareAsync(_exchange, ExchangeType.Fanout, durable: true, cancellationToken: _stopped.Token);
        var queue = await channel.QueueDeclareAsync(
            $"{_exchange}.{Guid.NewGuid():n}", durable: false, exclusive: true, autoDelete: true,
            new Dictionary<string, object?> { ["x-max-length"] = Most }, cancellationToken: _stopped.Token);
        await channel.QueueBindAsync(queue.QueueName, _exchange, string.Empty, cancellationToken: _stopped.Token);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            // The client takes the body's memory back afterwards.
            Deliver(delivery.RoutingKey, delivery.Body.ToArray());
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue.QueueName, autoAck: true, consumer, _stopped.Token);
    }

    /// <summary>Until the channel is closed.</summary>
    private async Task SendAsync(IChannel channel)
    {
        var events = Channel.CreateBounded<(string Topic, ReadOnlyMemory<byte> Body)>(
            new BoundedChannelOptions(Most) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest }, _ => NoteLost());
        channel.ChannelShutdownAsync += (_, _) =>
        {
            Close(events);
            return Task.CompletedTask;
        };
        (_events, _trouble) = (events, null);
        try
        {
            await foreach (var (topic, body) in events.Reader.ReadAllAsync(_stopped.Token))
            {
                await channel.BasicPublishAsync(_exchange, topic, body, _stopped.Token);
            }
        }
        finally
        {
            Close(events);
        }
    }

    private void Close(Channel<(string Topic, ReadOnlyMemory<byte> Body)> events)
    {
        (_events, _trouble) = (null, "The broker is away.");
        events.Writer.TryComplete();
    }

    [LoggerMessage(2171, LogLevel.Debug, "The event bus has no way through the broker, trying again: {Reason}", EventName = "event_bus.away")]
    private partial void LogAway(string reason);
}
