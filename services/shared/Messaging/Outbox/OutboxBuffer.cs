using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Outbox;

/// <summary>
/// What one unit of work is going to send. It is kept beside the <see cref="DbContext"/>, outside of its change tracker, and written into the
/// outbox with one batch in the transaction of the unit of work.
/// </summary>
internal sealed class OutboxBuffer
{
    private static readonly ConditionalWeakTable<DbContext, OutboxBuffer> Buffers = [];

    private readonly Lock _lock = new();
    private readonly List<object> _waiting = [];
    private readonly List<OutboxRow> _written = [];

    // Contexts are pooled: what an earlier lease has left behind is nobody's.
    private int _lease;

    /// <summary>Whether the transaction on the context was begun by us for one SaveChanges, which then has to end it.</summary>
    public bool OwnsTransaction { get; set; }

    /// <summary>The rows of the transaction that is committing, registered with the relay.</summary>
    public Handover? Handover { get; set; }

    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count == 0;
            }
        }
    }

    public IReadOnlyList<OutboxRow> Written => _written;

    public static OutboxBuffer Of(DbContext db)
    {
        if (Find(db) is { } known)
        {
            return known;
        }

        lock (Buffers)
        {
            if (Find(db) is not { } buffer)
            {
                Buffers.AddOrUpdate(db, buffer = new OutboxBuffer { _lease = db.ContextId.Lease });
            }

            return buffer;
        }
    }

    public static OutboxBuffer? Find(DbContext? db) => db is not null && Buffers.TryGetValue(db, out var buffer) && buffer._lease == db.ContextId.Lease ? buffer : null;

    /// <summary>A consumer may publish from several tasks at once.</summary>
    public void Add(OutboxRow row)
    {
        lock (_lock)
        {
            _waiting.Add(row);
        }
    }

    /// <summary>Takes back a scheduled message, at its place in the order of what happened. One that was not written yet never is.</summary>
    public void Cancel(Guid token)
    {
        lock (_lock)
        {
            if (_waiting.RemoveAll(item => item is OutboxRow row && row.Token == token) == 0)
            {
                _waiting.Add(token);
            }
        }
    }

    /// <summary>Forgets everything: the transaction is gone.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _waiting.Clear();
        }

        _written.Clear();
    }

    /// <summary>The batch that writes what is waiting; null when there is nothing. <see cref="Read"/> must follow its execution.</summary>
    public NpgsqlBatch? CreateBatch(NpgsqlConnection connection, NpgsqlTransaction? transaction, TimeSpan lease)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                return null;
            }

            // What is taken back was written by an earlier batch, since of this one it is gone already: it goes first.
            var batch = new NpgsqlBatch(connection, transaction);
            Guid[] cancelled = [.. _waiting.OfType<Guid>()];
            if (cancelled.Length > 0)
            {
                batch.BatchCommands.Add(OutboxSql.Cancel(cancelled));
            }

            OutboxRow[] rows = [.. _waiting.OfType<OutboxRow>()];
            if (rows.Length > 0)
            {
                batch.BatchCommands.Add(OutboxSql.Insert(rows, lease));
                _written.AddRange(rows);
            }

            OutboxRow[] archived = [.. rows.Where(row => row.Archive is not null)];
            if (archived.Length > 0)
            {
                batch.BatchCommands.Add(OutboxSql.Archive(archived));
            }

            _waiting.Clear();
            return batch;
        }
    }
}

/// <summary>The statements of the outbox. Each text is constant, so that Npgsql prepares it once per connection.</summary>
internal static class OutboxSql
{
    /// <summary>
    /// From this due time on the rows of replays wait, a thousand years ahead and in the order of their events. What is due never waits behind them, however many they are: the
    /// relay takes a share of them beside it.
    /// </summary>
    public const string Replays = "timestamptz '3000-01-01 00:00:00+00'";

    // One statement for all rows: each of its own costs more than what it writes. The rows get their keys in their order.
    private const string InsertSql =
        """
        INSERT INTO messaging.outbox (message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, scheduled, token, due_at)
        SELECT message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, due_at IS NOT NULL, token, coalesce(due_at, clock_timestamp() + $11)
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            AS r(message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, token, due_at)
        RETURNING id
        """;

    private const string ArchiveSql =
        """
        INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT (event_id) DO NOTHING
        """;

    public static NpgsqlBatchCommand Insert(IReadOnlyList<OutboxRow> rows, TimeSpan lease) => new(InsertSql)
    {
        Parameters =
        {
            Array(rows, row => row.MessageId),
            Array(rows, row => row.Key),
            Array(rows, row => row.Exchange),
            Array(rows, row => row.RoutingKey),
            Array(rows, row => row.ContentType),
            Array(rows, row => HeaderJson.Write(row.Headers), NpgsqlDbType.Jsonb),
            Array(rows, row => row.Body),
            Array(rows, row => row.Mandatory),
            Array(rows, row => row.Token),
            Array(rows, row => row.DueAt?.UtcDateTime),
            new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval },
        },
    };

    public static NpgsqlBatchCommand Archive(IReadOnlyList<OutboxRow> rows) => new(ArchiveSql)
    {
        Parameters =
        {
            Array(rows, row => row.MessageId),
            Array(rows, row => row.Archive!.Type),
            Array(rows, row => row.Archive!.Subject),
            Array(rows, row => row.Archive!.Time.UtcDateTime),
            Array(rows, row => HeaderJson.Write(row.Headers), NpgsqlDbType.Json),
            Array(rows, row => row.Body, NpgsqlDbType.Json),
        },
    };

    public static NpgsqlBatchCommand Cancel(Guid[] tokens) =>
        new("DELETE FROM messaging.outbox WHERE token = ANY($1)") { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = tokens } } };

    /// <summary>Runs the batch and gives the rows their keys.</summary>
    public static async Task ExecuteAsync(NpgsqlBatch batch, IReadOnlyList<OutboxRow> rows, CancellationToken cancellationToken)
    {
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var next = FirstWithoutKey(rows);
        do
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                rows[next++].Id = reader.GetInt64(0);
            }
        }
        while (await reader.NextResultAsync(cancellationToken));
    }

    /// <inheritdoc cref="ExecuteAsync"/>
    public static void Execute(NpgsqlBatch batch, IReadOnlyList<OutboxRow> rows)
    {
        using var reader = batch.ExecuteReader();
        var next = FirstWithoutKey(rows);
        do
        {
            while (reader.Read())
            {
                rows[next++].Id = reader.GetInt64(0);
            }
        }
        while (reader.NextResult());
    }

    private static NpgsqlParameter<T[]> Array<T>(IReadOnlyList<OutboxRow> rows, Func<OutboxRow, T> value, NpgsqlDbType? type = null)
    {
        var parameter = new NpgsqlParameter<T[]> { TypedValue = [.. rows.Select(value)] };
        if (type is { } element)
        {
            parameter.NpgsqlDbType = NpgsqlDbType.Array | element;
        }

        return parameter;
    }

    // A transaction may write several times.
    private static int FirstWithoutKey(IReadOnlyList<OutboxRow> rows)
    {
        var index = 0;
        while (index < rows.Count && rows[index].Id != 0)
        {
            index++;
        }

        return index;
    }
}
