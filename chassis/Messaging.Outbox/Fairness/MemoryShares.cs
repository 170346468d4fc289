using Chassis.Messaging.Model;

namespace Chassis.Messaging.Fairness;

/// <summary>How much of the relay's memory is taken, and by whom. What has no room there waits in the table.</summary>
internal sealed class MemoryShares(MessagingOptions options, TimeProvider clock)
{
    // With a half of it taken nobody looks into the table any more. So one tenant alone must not come so far while there are others.
    private const int Parts = 4;

    private readonly Lock _lock = new();
    private readonly TenantUsage _usage = new(clock);
    private int _rows;
    private long _bytes;

    public int Rows => Volatile.Read(ref _rows);

    /// <summary>Whether a row of this tenant is to make room for those of others. Each row is asked about once.</summary>
    public bool IsSurplus(string tenant)
    {
        if (!options.FairShares)
        {
            return false;
        }

        _usage.Took(tenant);
        return _usage.HeldBy(tenant) > options.MemoryRows / Parts && _usage.IsHot(tenant);
    }

    /// <returns>False when there is no room for them.</returns>
    public bool TryAdd(IReadOnlyList<OutboxRow> rows)
    {
        lock (_lock)
        {
            if (_rows + rows.Count > options.MemoryRows || _bytes + rows.Sum(row => (long)row.Body.Length) > options.MemoryBytes)
            {
                return false;
            }

            foreach (var row in rows)
            {
                Count(row, 1);
            }

            return true;
        }
    }

    /// <summary>There must be room for what was claimed.</summary>
    public void Add(OutboxRow row)
    {
        lock (_lock)
        {
            Count(row, 1);
        }
    }

    public void Forget(OutboxRow row)
    {
        lock (_lock)
        {
            Count(row, -1);
        }
    }

    private void Count(OutboxRow row, int sign)
    {
        _rows += sign;
        _bytes += sign * row.Body.Length;
        _usage.Hold(row.TenantOrNone, sign);
    }
}
