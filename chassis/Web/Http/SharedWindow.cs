using System.Threading.RateLimiting;
using Chassis.Redis;

namespace Chassis.Web;

/// <summary>
/// The permits of one caller in one window, of which every replica takes. What is taken is counted here as well, so that this replica goes on from there,
/// alone, when Redis is away. Whoever has used up all of them asks Redis no more.
/// </summary>
internal sealed class SharedWindow(SharedCounts counts, string what, string caller, long number, FixedWindowRateLimiterOptions window) : ReplenishingRateLimiter
{
    private readonly FixedWindowRateLimiter _own = new(window);
    private long _counted;

    /// <summary>Null as long as the window lasts; then it is forgotten.</summary>
    public override TimeSpan? IdleDuration => _own.IdleDuration;

    public override bool IsAutoReplenishing => false;

    public override TimeSpan ReplenishmentPeriod => window.Window;

    private bool IsUsedUp => Interlocked.Read(ref _counted) >= window.PermitLimit;

    public override RateLimiterStatistics? GetStatistics()
    {
        var statistics = _own.GetStatistics();
        var left = Math.Max(0, window.PermitLimit - Interlocked.Read(ref _counted));
        return statistics is null ? null : new RateLimiterStatistics
        {
            CurrentAvailablePermits = Math.Min(left, statistics.CurrentAvailablePermits),
            CurrentQueuedCount = 0,
            TotalFailedLeases = statistics.TotalFailedLeases,
            TotalSuccessfulLeases = statistics.TotalSuccessfulLeases,
        };
    }

    public override bool TryReplenish() => _own.TryReplenish();

    // The one that is asked first. That it says no means that the other is asked.
    protected override RateLimitLease AttemptAcquireCore(int permitCount) => counts.IsUp || IsUsedUp ? Answer.No : _own.AttemptAcquire(permitCount);

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        if (IsUsedUp)
        {
            return Answer.No;
        }

        if (await counts.CountAsync(what, caller, number, window.Window * 2) is not { } count)
        {
            return _own.AttemptAcquire(permitCount);
        }

        Raise(count);
        if (count > window.PermitLimit)
        {
            return Answer.No;
        }

        _own.AttemptAcquire(permitCount).Dispose();
        return Answer.Yes;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _own.Dispose();
        }

        base.Dispose(disposing);
    }

    // Answers of requests under way at once come in any order.
    private void Raise(long count)
    {
        for (var seen = Interlocked.Read(ref _counted); seen < count; seen = Interlocked.Read(ref _counted))
        {
            Interlocked.CompareExchange(ref _counted, count, seen);
        }
    }

    private sealed class Answer(bool isAcquired) : RateLimitLease
    {
        public static readonly Answer Yes = new(true);
        public static readonly Answer No = new(false);

        public override bool IsAcquired => isAcquired;

        public override IEnumerable<string> MetadataNames => [];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = null;
            return false;
        }
    }
}
