using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>
/// Keeps one caller from filling the table of stored answers. What is stored is counted in the database, which all replicas share; of whoever has many the count is remembered
/// for half a minute, so that counting does not cost more than storing.
/// </summary>
internal sealed class StoredAnswersQuota(IOptions<StoredAnswersSettings> settings, TimeProvider clock)
{
    private const int Many = 200;
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Later = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (Usage Usage, DateTimeOffset At)> heavy = new(StringComparer.Ordinal);

    /// <exception cref="ProblemException">429: what the caller has stored has to grow old first.</exception>
    public async Task CheckAsync(DbContext db, string caller, CancellationToken cancellationToken)
    {
        var usage = await UsageAsync(db, caller, cancellationToken);
        if (usage.Answers >= settings.Value.MaxCount || usage.Bytes >= settings.Value.MaxBytes)
        {
            throw ProblemException.TooMany("too_many_stored_answers", "Too many requests with an Idempotency-Key within a day. Their answers are kept for that long.", Later);
        }
    }

    private async Task<Usage> UsageAsync(DbContext db, string caller, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        if (heavy.TryGetValue(caller, out var known) && now - known.At < Remembered)
        {
            return known.Usage;
        }

        var since = now - Idempotency.Lifetime;
        var usage = await db.Database.SqlQuery<Usage>(
            $"""
            SELECT count(*) AS "Answers", coalesce(sum(octet_length(body)), 0)::bigint AS "Bytes" FROM idempotency_keys WHERE caller = {caller} AND created_at >= {since}
            """).SingleAsync(cancellationToken);
        if (usage.Answers >= Many)
        {
            heavy[caller] = (usage, now);
        }
        else
        {
            heavy.TryRemove(caller, out _);
        }

        return usage;
    }

    private sealed record Usage(long Answers, long Bytes);
}
