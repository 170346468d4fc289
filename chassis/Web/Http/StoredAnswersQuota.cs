using System.Collections.Concurrent;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>
/// Keeps one caller from filling the table of stored answers. What is stored is counted in the database, which all replicas share; of whoever has many the
/// count is remembered for half a minute, so that counting does not cost more than storing.
/// </summary>
internal sealed class StoredAnswersQuota(IOptions<StoredAnswersSettings> settings, TimeProvider clock)
{
    private const int Many = 200;
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Later = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (Usage Usage, DateTimeOffset At)> _heavy = new(StringComparer.Ordinal);

    /// <exception cref="ProblemException">429: what the caller has stored has to grow old first.</exception>
    public async Task CheckAsync(DbContext db, string caller, CancellationToken ct)
    {
        var usage = await UsageAsync(db, caller, ct);
        if (usage.Answers >= settings.Value.MaxCount || usage.Bytes >= settings.Value.MaxBytes)
        {
            throw ProblemException.TooMany(
                "too_many_stored_answers", "Too many requests with an Idempotency-Key within a day. Their answers are kept for that long.", Later);
        }
    }

    private async Task<Usage> UsageAsync(DbContext db, string caller, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (_heavy.TryGetValue(caller, out var known) && now - known.At < Remembered)
        {
            return known.Usage;
        }

        var usage = await CountAsync(db, caller, now - StoredAnswers.Lifetime, ct);
        if (usage.Answers >= Many)
        {
            _heavy[caller] = (usage, now);
        }
        else
        {
            _heavy.TryRemove(caller, out _);
        }

        return usage;
    }

    private static async Task<Usage> CountAsync(DbContext db, string caller, DateTimeOffset since, CancellationToken ct)
    {
        await using var command = StoredAnswers.Command(
            db, "SELECT count(*), coalesce(sum(octet_length(body)), 0)::bigint FROM idempotency_keys WHERE caller = $1 AND created_at >= $2");
        command.Parameters.AddValue(caller);
        command.Parameters.AddValue(since);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new Usage(reader.GetInt64(0), reader.GetInt64(1));
    }

    private readonly record struct Usage(long Answers, long Bytes);
}
