using System.Collections.Concurrent;
using System.Threading.Channels;
using Npgsql;
using RabbitMQ.Client;

namespace Shop.SystemBench.ByHand;

/// <param name="Id">Key of its row in the outbox.</param>
/// <param name="MessageId">By which the consumer knows it again.</param>
/// <param name="Type">The message, and the exchange that it goes to.</param>
/// <param name="Order">Which order it is about.</param>
internal sealed record Outgoing(long Id, Guid MessageId, string Type, Guid Order);

/// <summary>Publishes what was committed, from memory, with many confirms under way at once, and deletes the rows of what was confirmed in bulk.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(15);

    private readonly Channel<Outgoing> _committed = Channel.CreateUnbounded<Outgoing>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<long> _confirmed = Channel.CreateUnbounded<long>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<ulong, long> _inFlight = [];
    private readonly NpgsqlDataSource _database;
    private readonly IChannel _channel;
    private readonly Task _publishing;
    private readonly Task _deleting;

    private Relay(NpgsqlDataSource database, IChannel channel)
    {
        this._database = database;
        this._channel = channel;
        channel.BasicAcksAsync += (_, e) =>
        {
            foreach (var tag in e.Multiple ? [.. _inFlight.Keys.Where(t => t <= e.DeliveryTag)] : (ulong[])[e.DeliveryTag])
            {
                if (_inFlight.TryRemove(tag, out var id))
                {
                    _confirmed.Writer.TryWrite(id);
                }
            }

            return Task.CompletedTask;
        };
        _publishing = Task.Run(PublishAsync);
        _deleting = Task.Run(DeleteAsync);
    }

    public static async Task<Relay> StartAsync(NpgsqlDataSource database, IConnection broker) =>
        new(database, await broker.CreateChannelAsync(new CreateChannelOptions(true, false)));

    public void Hand(Outgoing message) => _committed.Writer.TryWrite(message);

    public async ValueTask DisposeAsync()
    {
        _committed.Writer.TryComplete();
        await _publishing;
        _confirmed.Writer.TryComplete();
        await _deleting;
        await _channel.DisposeAsync();
    }

    private async Task PublishAsync()
    {
        ulong tag = 0;
        await foreach (var message in _committed.Reader.ReadAllAsync())
        {
            _inFlight[++tag] = message.Id;
            var properties = new BasicProperties
            {
                ContentType = "application/json",
                MessageId = message.MessageId.ToString(),
                Type = message.Type,
                CorrelationId = message.Order.ToString(),
                Persistent = true,
            };
            await _channel.BasicPublishAsync(Schema.ExchangeOf(message.Type), string.Empty, false, properties, Schema.Body);
        }
    }

    private async Task DeleteAsync()
    {
        var ids = new List<long>();
        while (await _confirmed.Reader.WaitToReadAsync())
        {
            await Task.Delay(Gather);
            while (_confirmed.Reader.TryRead(out var id))
            {
                ids.Add(id);
            }

            await using var command = _database.CreateCommand("DELETE FROM outbox WHERE id = ANY($1)");
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids] });
            await command.ExecuteNonQueryAsync();
            ids.Clear();
        }
    }
}
