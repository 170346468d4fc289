using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis.Testing;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Messaging.Bench;

/// <summary>A fresh database and virtual host for one measurement, with a raw consumer at the end of the line that only counts.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private readonly TestVhost _vhost;
    private readonly IConnection _connection;
    private readonly ConcurrentDictionary<Guid, long> _arrivals = [];
    private int _count;

    private Stage(TestDatabase database, TestVhost vhost, IConnection connection)
    {
        (_database, _vhost, _connection) = (database, vhost, connection);
        Database = new NpgsqlConnectionStringBuilder(database.Migrations)
        {
            MaxPoolSize = 40, MaxAutoPrepare = 100, AutoPrepareMinUsages = 2, NoResetOnClose = true,
        }.ConnectionString;
    }

    public string Database { get; }

    public Uri Broker => _vhost.Uri;

    /// <summary>Messages that have come out at the end.</summary>
    public int Count => Volatile.Read(ref _count);

    public static async Task<Stage> OpenAsync()
    {
        var database = await TestDatabase.CreateAsync();
        var vhost = await TestVhost.CreateAsync();
        await vhost.SetQueuePolicyAsync(Names.Service);
        var connection = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync();
        var stage = new Stage(database, vhost, connection);
        await stage.ListenAsync();
        return stage;
    }

    /// <summary>When the message about an id came out.</summary>
    public long? Arrival(Guid id) => _arrivals.TryGetValue(id, out var at) ? at : null;

    public async Task<IChannel> OpenChannelAsync(bool confirms = false) =>
        await _connection.CreateChannelAsync(new CreateChannelOptions(confirms, confirms, outstandingPublisherConfirmationsRateLimiter: null));

    /// <summary>A quorum queue behind a fanout exchange of its name, as every variant uses it.</summary>
    public static async Task DeclareEndpointAsync(IChannel channel, string queue)
    {
        await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(
            queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.QueueBindAsync(queue, queue, string.Empty);
    }

    /// <summary>Waits until that many messages have come out.</summary>
    public async Task WaitAsync(int messages)
    {
        var last = (Count: -1, At: Stopwatch.GetTimestamp());
        while (Count < messages)
        {
            if (Count != last.Count)
            {
                last = (Count, Stopwatch.GetTimestamp());
            }
            else if (Stopwatch.GetElapsedTime(last.At) > TimeSpan.FromSeconds(60))
            {
                throw new TimeoutException($"{Count} of {messages} messages came out, and then none for a minute.");
            }

            await Task.Delay(5);
        }
    }

    /// <summary>Puts messages that are due tomorrow into the outbox, and as many that were handled into the inbox.</summary>
    public async Task FillTablesAsync(int rows)
    {
        foreach (var sql in (string[])
        [
            $"""
            INSERT INTO messaging.outbox (message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, scheduled, token, due_at)
            SELECT gen_random_uuid(), n::text, '{Names.DoneExchange}', '', 'application/json', '{"{}"}', decode(repeat('00', 300), 'hex'), false, true,
                   gen_random_uuid(), now() + interval '1 day' FROM generate_series(1, {rows}) AS n
            """,
            $"INSERT INTO messaging.inbox (message_id, consumer_id) SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, {rows})",
            "VACUUM ANALYZE messaging.outbox", "VACUUM ANALYZE messaging.inbox",
        ])
        {
            await using var connection = new NpgsqlConnection(Database);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 600 };
            await command.ExecuteNonQueryAsync();
        }

        // Which the owner may not.
        await _database.ExecuteAsync("CHECKPOINT");
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _vhost.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        await _database.DisposeAsync();
    }

    private async Task ListenAsync()
    {
        var channel = await _connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(Names.DoneExchange, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(Names.Sink, durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(Names.Sink, Names.DoneExchange, string.Empty);
        await channel.BasicQosAsync(0, 500, false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) =>
        {
            if (e.BasicProperties.CorrelationId is { } id || TryFindId(e.Body.Span, out id))
            {
                _arrivals.TryAdd(Guid.Parse(id), Stopwatch.GetTimestamp());
            }

            if (Interlocked.Increment(ref _count) % 100 == 0)
            {
                await channel.BasicAckAsync(e.DeliveryTag, multiple: true);
            }
        };
        await channel.BasicConsumeAsync(Names.Sink, autoAck: false, consumer);
    }

    // The only "id" in every variant's body, with or without a blank behind the colon; a parser would cost more than what is measured.
    private static bool TryFindId(ReadOnlySpan<byte> body, out string id)
    {
        const int length = 36;
        var marker = "\"id\":"u8;
        var at = body.IndexOf(marker);
        var value = at < 0 ? default : body[(at + marker.Length)..].TrimStart(" \""u8);
        id = value.Length < length ? string.Empty : System.Text.Encoding.ASCII.GetString(value[..length]);
        return id.Length > 0;
    }
}
