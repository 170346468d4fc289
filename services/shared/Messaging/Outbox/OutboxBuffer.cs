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
        NpgsqlBatch? batch = null;
        lock (_lock)
        {
            foreach (var item in _waiting)
            {
                batch ??= new NpgsqlBatch(connection, transaction);
                if (item is OutboxRow row)
                {
                    batch.BatchCommands.Add(OutboxSql.Insert(row, lease));
                    _written.Add(row);
                    if (row.Archive is not null)
                    {
                        batch.BatchCommands.Add(OutboxSql.Archive(row));
                    }
                }
                else
                {
                    batch.BatchCommands.Add(OutboxSql.Cancel((Guid)item));
                }
            }

            _waiting.Clear();
        }

        return batch;
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

    private const string InsertSql =
        """
        INSERT INTO messaging.outbox (message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, scheduled, token, due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10 IS NOT NULL, $9, coalesce($10, clock_timestamp() + $11)) RETURNING id
        """;

    private const string ArchiveSql =
        "INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (event_id) DO NOTHING";

    public static NpgsqlBatchCommand Insert(OutboxRow row, TimeSpan lease) => new(InsertSql)
    {
        Parameters =
        {
            new NpgsqlParameter<Guid> { TypedValue = row.MessageId },
            new NpgsqlParameter { Value = (object?)row.Key ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            new NpgsqlParameter<string> { TypedValue = row.Exchange },
            new NpgsqlParameter<string> { TypedValue = row.RoutingKey },
            new NpgsqlParameter<string> { TypedValue = row.ContentType },
            new NpgsqlParameter<string> { TypedValue = HeaderJson.Write(row.Headers), NpgsqlDbType = NpgsqlDbType.Jsonb },
            new NpgsqlParameter<byte[]> { TypedValue = row.Body },
            new NpgsqlParameter<bool> { TypedValue = row.Mandatory },
            new NpgsqlParameter { Value = (object?)row.Token ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
            new NpgsqlParameter { Value = (object?)row.DueAt?.UtcDateTime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval },
        },
    };

    public static NpgsqlBatchCommand Archive(OutboxRow row) => new(ArchiveSql)
    {
        Parameters =
        {
            new NpgsqlParameter<Guid> { TypedValue = row.MessageId },
            new NpgsqlParameter<string> { TypedValue = row.Archive!.Type },
            new NpgsqlParameter<string> { TypedValue = row.Archive.Subject },
            new NpgsqlParameter<DateTime> { TypedValue = row.Archive.Time.UtcDateTime },
            new NpgsqlParameter<string> { TypedValue = HeaderJson.Write(row.Headers), NpgsqlDbType = NpgsqlDbType.Json },
            new NpgsqlParameter<byte[]> { TypedValue = row.Body, NpgsqlDbType = NpgsqlDbType.Json },
        },
    };

    public static NpgsqlBatchCommand Cancel(Guid token) =>
        new("DELETE FROM messaging.outbox WHERE token = $1") { Parameters = { new NpgsqlParameter<Guid> { TypedValue = token } } };

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
