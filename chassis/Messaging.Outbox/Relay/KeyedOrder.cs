using Chassis.Messaging.Model;

namespace Chassis.Messaging.Relay;

/// <summary>
/// Releases rows after their commit, and rows of one key in the order in which their transactions were registered. That is the order of the
/// commits, because a transaction that builds on another cannot register before the other has committed.
/// </summary>
internal sealed class KeyedOrder(Action<OutboxRow> release)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<Entry>> _queues = [];

    public Entry[] Register(IReadOnlyList<OutboxRow> rows)
    {
        var entries = new Entry[rows.Count];
        lock (_lock)
        {
            for (var i = 0; i < entries.Length; i++)
            {
                var entry = entries[i] = new Entry(rows[i]);
                if (entry.Row.Key is not { } key)
                {
                    continue;
                }

                if (!_queues.TryGetValue(key, out var queue))
                {
                    _queues[key] = queue = new Queue<Entry>(2);
                }

                queue.Enqueue(entry);
            }
        }

        return entries;
    }

    /// <summary>The transaction has ended: its rows may go as soon as nothing of their key is before them, or are forgotten.</summary>
    public void End(Entry[] entries, bool committed)
    {
        lock (_lock)
        {
            foreach (var entry in entries)
            {
                entry.State = committed ? EntryState.Committed : EntryState.Abandoned;
            }

            foreach (var entry in entries)
            {
                if (entry.Row.Key is { } key)
                {
                    Drain(key);
                }
                else if (committed)
                {
                    release(entry.Row);
                }
            }
        }
    }

    private void Drain(string key)
    {
        if (!_queues.TryGetValue(key, out var queue))
        {
            return;
        }

        while (queue.TryPeek(out var head) && head.State != EntryState.Open)
        {
            queue.Dequeue();
            if (head.State == EntryState.Committed)
            {
                release(head.Row);
            }
        }

        if (queue.Count == 0)
        {
            _queues.Remove(key);
        }
    }

    internal enum EntryState
    {
        Open,
        Committed,
        Abandoned,
    }

    internal sealed class Entry(OutboxRow row)
    {
        public OutboxRow Row { get; } = row;

        public EntryState State { get; set; }
    }
}
