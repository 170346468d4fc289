using System.Collections.Concurrent;
using System.Threading.Channels;
using Chassis.Testing;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Shop.SystemBench.ByHand;

/// <summary>What the same durable work costs without services and frameworks: the bound.</summary>
internal sealed record BoundFigures(string Path, double OrdersPerSecond, TimeSpan Window, DurableWork PerOrder, IReadOnlyList<ProcessUse> Uses);

/// <summary>
/// The durable work of fulfilled orders on raw Npgsql and RabbitMQ.Client in one process: as many commits of as many rows, and as many messages,
/// published with confirms and consumed with acknowledgements over quorum queues. No HTTP, no payment provider, no mail server, no decision.
/// </summary>
internal sealed class WorkByHand : IAsyncDisposable
{
    private const int UnderWay = 96;
    private const int Prefetch = 32;
    private const int Workers = 8;

    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _places = new(UnderWay);
    private readonly ConcurrentBag<Task> _tasks = [];
    private readonly NpgsqlDataSource _database;
    private readonly IConnection _broker;
    private readonly Relay _relay;
    private readonly OrderPath _path;
    private long _completed;

    private WorkByHand(NpgsqlDataSource database, IConnection broker, Relay relay, OrderPath path) =>
        (this._database, this._broker, this._relay, this._path) = (database, broker, relay, path);

    public static async Task<BoundFigures> MeasureAsync(OrderPath path, double scale)
    {
        await using var home = await TestDatabase.CreateAsync();
        await using var vhost = await TestVhost.CreateAsync();
        await using var database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(home.Migrations)
            {
                MaxPoolSize = 60, MaxAutoPrepare = 100, AutoPrepareMinUsages = 2, NoResetOnClose = true,
            }.ConnectionString);
        await using var broker = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync();
        await Schema.CreateAsync(database, broker, path);
        await using var work = new WorkByHand(database, broker, await Relay.StartAsync(database, broker), path);
        foreach (var queue in path.Queues.Values.SelectMany(q => q).Distinct())
        {
            await work.ConsumeAsync(queue);
        }

        for (var i = 0; i < Workers; i++)
        {
            work._tasks.Add(Task.Run(work.PlaceAsync));
        }

        var machine = await Machine.WatchAsync(null);
        await Task.Delay(Durations.Seconds(6, scale));
        var (before, orders, began) = (await DurableWork.ReadAsync(vhost), Interlocked.Read(ref work._completed), DateTimeOffset.UtcNow);
        machine.Start();
        await Task.Delay(Durations.Seconds(20, scale));
        machine.Stop();
        var window = DateTimeOffset.UtcNow - began;
        orders = Interlocked.Read(ref work._completed) - orders;
        return new BoundFigures(path.Name, orders / window.TotalSeconds, window, (await DurableWork.ReadAsync(vhost) - before) / orders, machine.Uses());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_tasks);
        await _relay.DisposeAsync();
        _stop.Dispose();
        _places.Dispose();
    }

    private async Task PlaceAsync()
    {
        try
        {
            while (true)
            {
                await _places.WaitAsync(_stop.Token);
                await RunAsync(_path.Placed, Guid.CreateVersion7(), null);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private async Task ConsumeAsync(string queue)
    {
        var channel = await _broker.CreateChannelAsync();
        await channel.BasicQosAsync(0, Prefetch, false);
        var deliveries = Channel.CreateUnbounded<(ulong Tag, Guid Id, string Type, Guid Order)>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            var properties = e.BasicProperties;
            deliveries.Writer.TryWrite((e.DeliveryTag, Guid.Parse(properties.MessageId!), properties.Type!, Guid.Parse(properties.CorrelationId!)));
            return Task.CompletedTask;
        };
        for (var i = 0; i < Workers; i++)
        {
            _tasks.Add(Task.Run(async () =>
            {
                try
                {
                    await foreach (var (tag, id, type, order) in deliveries.Reader.ReadAllAsync(_stop.Token))
                    {
                        await RunAsync(_path.Of(queue, type), order, (id, queue));
                        await channel.BasicAckAsync(tag, multiple: false);
                        CountWhenThrough(queue, type);
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

    private void CountWhenThrough(string queue, string message)
    {
        if (_path.Last == (queue, message))
        {
            Interlocked.Increment(ref _completed);
            _places.Release();
        }
    }

    /// <summary>After the commit, beside the consumer that has led to it.</summary>
    private void Call(string message, Guid order, long row) => _tasks.Add(Task.Run(async () =>
    {
        await RunAsync(_path.Of(string.Empty, message), order, null, row);
        CountWhenThrough(string.Empty, message);
    }));

    /// <summary>One step: the inbox row and the look at the state in one round trip, what follows from them and the commit in a second one.</summary>
    private async Task RunAsync(Step step, Guid order, (Guid Id, string Consumer)? message, long row = 0)
    {
        if (step == OrderPath.Nothing)
        {
            return;
        }

        await using var connection = await _database.OpenConnectionAsync();
        await RepeatAsync(connection, step, order, step.Before);
        await using (var first = Batch(connection, Sql("BEGIN")))
        {
            if (step.Inbox && message is { } m)
            {
                first.BatchCommands.Add(Sql("INSERT INTO inbox (message_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING", m.Id, m.Consumer));
            }

            foreach (var kind in step != _path.Placed ? step.States ?? [] : [])
            {
                first.BatchCommands.Add(Sql("SELECT body::text FROM states WHERE order_id = $1 AND kind = $2 FOR UPDATE", order, kind));
            }

            if (await first.ExecuteNonQueryAsync() < (step.Inbox ? 1 : -1))
            {
                await using var rollback = new NpgsqlCommand("ROLLBACK", connection);
                await rollback.ExecuteNonQueryAsync();
                return;
            }
        }

        await using var second = Batch(connection, [.. Effects(step, order)]);
        if (step.IsCalled)
        {
            second.BatchCommands.Add(Sql("DELETE FROM outbox WHERE id = $1", row));
        }

        string[] called = step.Calls is { } call ? [call] : [];
        Outgoing[] outgoing = [.. (step.Publishes ?? []).Concat(called).Select(type => new Outgoing(0, Guid.CreateVersion7(), type, order))];
        foreach (var one in outgoing)
        {
            second.BatchCommands.Add(Sql(
                "INSERT INTO outbox (message_id, type, order_id, body, due_at) VALUES ($1, $2, $3, $4, now() + interval '10 seconds') RETURNING id",
                one.MessageId, one.Type, order, Schema.Body));
        }

        second.BatchCommands.Add(Sql("COMMIT"));
        await using (var reader = await second.ExecuteReaderAsync())
        {
            var next = 0;
            do
            {
                while (await reader.ReadAsync())
                {
                    outgoing[next] = outgoing[next++] with { Id = reader.GetInt64(0) };
                }
            }
            while (await reader.NextResultAsync());
        }

        foreach (var one in outgoing)
        {
            if (one.Type == step.Calls)
            {
                Call(one.Type, order, one.Id);
            }
            else
            {
                _relay.Hand(one);
            }
        }

        await RepeatAsync(connection, step, order, step.After);
    }

    private static IEnumerable<NpgsqlBatchCommand> Effects(Step step, Guid order)
    {
        for (var i = 0; i < step.Inserts; i++)
        {
            yield return Sql("INSERT INTO records (id, order_id, body) VALUES ($1, $2, $3::jsonb)", Guid.CreateVersion7(), order, Schema.Text);
        }

        foreach (var kind in step.States ?? [])
        {
            yield return Change(order, kind);
        }

        if (step.Stock)
        {
            yield return Sql("UPDATE stock SET version = version + 1 WHERE sku = $1", (int)((uint)order.GetHashCode() % Schema.Skus));
        }

        if (step.Deadline.Cancel)
        {
            yield return Sql("DELETE FROM outbox WHERE token = $1", order);
        }

        if (step.Deadline.Set)
        {
            yield return Sql(
                "INSERT INTO outbox (message_id, type, order_id, body, token, due_at) VALUES ($1, 'Deadline', $2, $3, $2, now() + interval '10 minutes')",
                Guid.CreateVersion7(), order, Schema.Body);
        }
    }

    private static async Task RepeatAsync(NpgsqlConnection connection, Step step, Guid order, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await using var batch = Batch(connection, Change(order, step.States![^1]));
            await batch.ExecuteNonQueryAsync();
        }
    }

    private static NpgsqlBatchCommand Change(Guid order, string kind) => Sql(
        """
        INSERT INTO states (order_id, kind, version, body, changed_at) VALUES ($1, $2, 1, $3::jsonb, now())
        ON CONFLICT (order_id, kind) DO UPDATE SET version = states.version + 1, body = excluded.body, changed_at = excluded.changed_at
        """,
        order, kind, Schema.Text);

    private static NpgsqlBatch Batch(NpgsqlConnection connection, params NpgsqlBatchCommand[] commands)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var command in commands)
        {
            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    private static NpgsqlBatchCommand Sql(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }
}
