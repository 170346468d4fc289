namespace Chassis.Messaging.Fairness;

/// <summary>Who takes how much of something that all tenants share: over the last seconds, and at this moment.</summary>
/// <param name="clock">Measures them.</param>
internal sealed class TenantUsage(TimeProvider clock)
{
    /// <summary>The last whole one counts, and the one that is running.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>For so long somebody of whom nothing more was heard is still one of those who share.</summary>
    internal static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);

    /// <summary>Of fewer than so many nobody is said to take too many.</summary>
    internal const int Few = 40;

    // Nobody is in anybody's way with a quarter, however many they are; and of two one may be three times the other.
    private const double Least = 0.25;
    private const double Most = 0.75;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Use> _tenants = [];
    private long _period;

    /// <summary>Another one for this tenant.</summary>
    public void Took(string tenant)
    {
        lock (_lock)
        {
            Advance();
            var use = _tenants.GetValueOrDefault(tenant);
            _tenants[tenant] = use with { Now = use.Now + 1, Last = _period };
        }
    }

    /// <summary>The tenant holds a place, or some fewer.</summary>
    public void Hold(string tenant, int places)
    {
        lock (_lock)
        {
            var use = _tenants.GetValueOrDefault(tenant);
            _tenants[tenant] = use with { Held = use.Held + places, Last = _period };
        }
    }

    public int HeldBy(string tenant)
    {
        lock (_lock)
        {
            return _tenants.GetValueOrDefault(tenant).Held;
        }
    }

    /// <summary>Whether the tenant takes more than twice what would be its part, or holds nearly everything, while there are others.</summary>
    /// <param name="tenant">Who.</param>
    /// <param name="places">How many can be held; none for what is not held.</param>
    public bool IsHot(string tenant, int places = 0)
    {
        lock (_lock)
        {
            Advance();
            if (_tenants.Count < 2 || !_tenants.TryGetValue(tenant, out var use))
            {
                return false;
            }

            // What takes long to handle is not many.
            if (places > 0 && use.Held > places * Most)
            {
                return true;
            }

            var (all, active) = (0, 0);
            foreach (var other in _tenants.Values)
            {
                all += other.Count;
                active += other.Count > 0 ? 1 : 0;
            }

            return all >= Few && use.Count > all * Math.Clamp(2.0 / active, Least, Most);
        }
    }

    private void Advance()
    {
        var period = (long)(clock.GetElapsedTime(0) / Period);
        if (period == _period)
        {
            return;
        }

        var isNext = period == _period + 1;
        foreach (var (tenant, use) in _tenants)
        {
            if (use.Held == 0 && (period - use.Last) * Period > Memory)
            {
                _tenants.Remove(tenant);
            }
            else
            {
                _tenants[tenant] = use with { Before = isNext ? use.Now : 0, Now = 0 };
            }
        }

        _period = period;
    }

    private readonly record struct Use(int Before, int Now, int Held, long Last)
    {
        public int Count => Before + Now;
    }
}
