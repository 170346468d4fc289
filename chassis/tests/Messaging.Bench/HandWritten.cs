using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Messaging.Bench;

/// <summary>
/// The lower bound: the same durable work on raw Npgsql and RabbitMQ.Client, without a framework. One transaction per message with its inbox row,
/// its effect and its outbox row; a relay that publishes from memory, pipelines confirms and deletes in bulk.
/// </summary>
internal sealed class HandWritten : IVariant
{
    private readonly Channel<Row> _committed = Channel.CreateUnbounded<Row>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<long> _confirmed = Channel.CreateUnbounded<long>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<ulong, long> _inFlight = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _tasks = [];
    private Stage? _stage;
    private NpgsqlDataSource? _database;

    private sealed record Row(long Id, Guid MessageId, string Exchange, byte[] Body);

    private sealed record Outgoing(Guid MessageId, string Exchange, byte[] Body);

    private NpgsqlDataSource Database => _database ?? throw new InvalidOperationException("Not prepared.");

    private Stage Stage => _stage ?? throw new InvalidOperationException("Not prepared.");

    public async Task PrepareAsync(Stage stage)
    {
        _stage = stage;
        _database = NpgsqlDataSource.Create(stage.Database);
        await using (var command = Database.CreateCommand(
            """
            CREATE TABLE items (id uuid PRIMARY KEY, number integer NOT NULL, note text NOT NULL);
            CREATE TABLE trips (correlation_id uuid PRIMARY KEY, current_state text NOT NULL, step integer NOT NULL);
            CREATE TABLE inbox (message_id uuid PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id uuid NOT NULL, exchange text NOT NULL, body bytea NOT NULL,
                due_at timestamptz NOT NULL DEFAULT now() + interval '10 seconds');
            CREATE INDEX outbox_due ON outbox (due_at);
            """))
        {
            await command.ExecuteNonQueryAsync();
        }

        await using var channel = await stage.OpenChannelAsync();
        foreach (var queue in (string[])[Names.Work, Names.Steps, Names.Trips])
        {
            await Stage.DeclareEndpointAsync(channel, queue);
        }

        _tasks.Add(await StartRelayAsync());
        _tasks.Add(DeleteAsync());
    }

    public async Task StartAsync()
    {
        await ConsumeAsync<Work>(Names.Work, (work, batch) =>
        {
            batch.BatchCommands.Add(Command("INSERT INTO items (id, number, note) VALUES ($1, $2, $3)", Guid.CreateVersion7(), work.Number, "work"));
            return Message(Names.DoneExchange, new Done(work.Id, work.Number));
        });
        await ConsumeAsync<DoStep>(Names.Steps, (step, _) => Message(Names.Trips, new TripMessage(step.TripId, step.Step)));
        await ConsumeAsync<TripMessage>(Names.Trips, (trip, batch) =>
        {
            batch.BatchCommands.Add(trip.Step == 0
                ? Command("INSERT INTO trips (correlation_id, current_state, step) VALUES ($1, $2, $3)", trip.TripId, "Travelling", 0)
                : Command(
                    "UPDATE trips SET current_state = $2, step = $3 WHERE correlation_id = $1",
                    trip.TripId,
                    trip.Step == 3 ? "Arrived" : "Travelling",
                    trip.Step));
            return trip.Step == 3 ? Message(Names.DoneExchange, new Done(trip.TripId, 3)) : Message(Names.Steps, new DoStep(trip.TripId, trip.Step + 1));
        });
    }

    public async Task TransactAsync(int number)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("BEGIN"));
        batch.BatchCommands.Add(Command("INSERT INTO items (id, number, note) VALUES ($1, $2, $3)", Guid.CreateVersion7(), number, "transaction"));
        await CommitAsync(batch, Message(Names.DoneExchange, new Done(Guid.CreateVersion7(), number)));
    }

    public (string ContentType, byte[] Body) Message<T>(Guid id, T message)
        where T : class => ("application/json", message is StartTrip start
            ? JsonSerializer.SerializeToUtf8Bytes(new TripMessage(start.TripId, 0), JsonSerializerOptions.Web)
            : JsonSerializer.SerializeToUtf8Bytes(message, JsonSerializerOptions.Web));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _committed.Writer.TryComplete();
        _confirmed.Writer.TryComplete();
        await Task.WhenAll(_tasks);
        await Database.DisposeAsync();
        _stop.Dispose();
    }

    private static Outgoing Message<T>(string exchange, T message) =>
        new(Guid.CreateVersion7(), exchange, JsonSerializer.SerializeToUtf8Bytes(message, JsonSerializerOptions.Web));

    private async Task ConsumeAsync<T>(string queue, Func<T, NpgsqlBatch, Outgoing> handle)
    {
        var channel = await Stage.OpenChannelAsync();
        await channel.BasicQosAsync(0, 32, false);
        var deliveries = Channel.CreateUnbounded<(ulong Tag, Guid Id, T Message)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            deliveries.Writer.TryWrite(
                (e.DeliveryTag, Guid.Parse(e.BasicProperties.MessageId!), JsonSerializer.Deserialize<T>(e.Body.Span, JsonSerializerOptions.Web)!));
            return Task.CompletedTask;
        };
        for (var i = 0; i < 8; i++)
        {
            _tasks.Add(Task.Run(async () =>
            {
                try
                {
                    await foreach (var (tag, id, message) in deliveries.Reader.ReadAllAsync(_stop.Token))
                    {
                        await HandleAsync(id, message, handle);
                        await channel.BasicAckAsync(tag, multiple: false);
                    }
                }
                catch (OperationCanceledException)
                {
                    // The end.
                }
            }));
        }

        await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
    }

    private async Task HandleAsync<T>(Guid id, T message, Func<T, NpgsqlBatch, Outgoing> handle)
    {
        await using var connection = await Database.OpenConnectionAsync();
        await using (var first = new NpgsqlBatch(connection)
        {
            BatchCommands = { new NpgsqlBatchCommand("BEGIN"), Command("INSERT INTO inbox (message_id) VALUES ($1) ON CONFLICT DO NOTHING", id) },
        })
        {
            if (await first.ExecuteNonQueryAsync() == 0)
            {
                await using var rollback = new NpgsqlCommand("ROLLBACK", connection);
                await rollback.ExecuteNonQueryAsync();
                return;
            }
        }

        await using var batch = new NpgsqlBatch(connection);
        await CommitAsync(batch, handle(message, batch));
    }

    private async Task CommitAsync(NpgsqlBatch batch, Outgoing message)
    {
        batch.BatchCommands.Add(Command(
            "INSERT INTO outbox (message_id, exchange, body) VALUES ($1, $2, $3) RETURNING id", message.MessageId, message.Exchange, message.Body));
        batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
        long id;
        await using (var reader = await batch.ExecuteReaderAsync())
        {
            while (!await reader.ReadAsync())
            {
                await reader.NextResultAsync();
            }

            id = reader.GetInt64(0);
        }

        _committed.Writer.TryWrite(new Row(id, message.MessageId, message.Exchange, message.Body));
    }

    private async Task<Task> StartRelayAsync()
    {
        var connection = await new ConnectionFactory { Uri = Stage.Broker }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, false));
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
        return Task.Run(async () =>
        {
            ulong tag = 0;
            await foreach (var row in _committed.Reader.ReadAllAsync())
            {
                _inFlight[++tag] = row.Id;
                var properties = new BasicProperties { ContentType = "application/json", MessageId = row.MessageId.ToString(), Persistent = true };
                await channel.BasicPublishAsync(row.Exchange, string.Empty, false, properties, row.Body);
            }

            await connection.DisposeAsync();
        });
    }

    private async Task DeleteAsync()
    {
        var ids = new List<long>();
        while (await _confirmed.Reader.WaitToReadAsync())
        {
            await Task.Delay(15);
            while (_confirmed.Reader.TryRead(out var id))
            {
                ids.Add(id);
            }

            await using var command = Database.CreateCommand("DELETE FROM outbox WHERE id = ANY($1)");
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ids] });
            await command.ExecuteNonQueryAsync();
            ids.Clear();
        }
    }

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }

    /// <summary>The trip's start is step 0.</summary>
    private sealed record TripMessage(Guid TripId, int Step);
}
