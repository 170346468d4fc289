using Chassis.Messaging.Model;

namespace Chassis.Messaging.Fairness;

/// <summary>
/// Rows that wait to be sent, one of each tenant by turns, for one reader. Rows of one key stay in their order, also where they are of several tenants: those
/// of a product, say, that each sells.
/// </summary>
internal sealed class FairQueue : IDisposable
{
    private readonly Lock _lock = new();
    private readonly RoundRobin<OutboxRow> _rows = new();
    private readonly Dictionary<string, (string Tenant, int Count)> _keys = [];
    private readonly SemaphoreSlim _waiting = new(0);

    public void Add(OutboxRow row)
    {
        lock (_lock)
        {
            var tenant = row.TenantOrNone;
            if (row.Key is { } key)
            {
                var (whose, count) = _keys.GetValueOrDefault(key, (tenant, 0));
                tenant = whose;
                _keys[key] = (whose, count + 1);
            }

            _rows.Add(tenant, row);
        }

        _waiting.Release();
    }

    public async ValueTask<OutboxRow> TakeAsync(CancellationToken ct)
    {
        await _waiting.WaitAsync(ct);
        lock (_lock)
        {
            _rows.TryTake(out var row);
            if (row!.Key is { } key)
            {
                var (tenant, count) = _keys[key];
                if (count == 1)
                {
                    _keys.Remove(key);
                }
                else
                {
                    _keys[key] = (tenant, count - 1);
                }
            }

            return row;
        }
    }

    public void Dispose() => _waiting.Dispose();
}
