using System.Runtime.CompilerServices;
using Chassis.Messaging.Model;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.Messaging.UnitOfWork;

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

    public static OutboxBuffer? Find(DbContext? db) =>
        db is not null && Buffers.TryGetValue(db, out var buffer) && buffer._lease == db.ContextId.Lease ? buffer : null;

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

    /// <summary>The batch that writes what is waiting; null when there is nothing.</summary>
    public NpgsqlBatch? CreateBatch(NpgsqlConnection connection, NpgsqlTransaction? transaction, TimeSpan lease, Func<OutboxRow, bool> isSurplus)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                return null;
            }

            // What is taken back was written by an earlier batch, since of this one it is gone already.
            Guid[] cancelled = [.. _waiting.OfType<Guid>()];
            OutboxRow[] rows = [.. _waiting.OfType<OutboxRow>()];
            foreach (var row in rows)
            {
                row.IsSurplus = isSurplus(row);
            }

            var batch = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands = { rows.Length == 0 ? OutboxSql.Cancel(cancelled) : OutboxSql.Insert(rows, lease, cancelled) },
            };
            _written.AddRange(rows);
            _waiting.Clear();
            return batch;
        }
    }
}
