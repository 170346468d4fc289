using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Web;

/// <summary>Knows which tokens are refused although they are whole and their time is not over.</summary>
public interface ISessionStatus
{
    /// <summary>Whether the session that this caller's token belongs to has ended.</summary>
    ValueTask<bool> HasEndedAsync(ClaimsPrincipal caller, CancellationToken ct);
}

/// <summary>
/// Sessions that ended before their tokens did, all of a user (a changed password, a closed account) or a single one (somebody signed out). The service's
/// consumer writes them down, and every replica reads them within a second or two (<see cref="EndedSessionsWatch"/>), so that a request costs no look into the
/// database. Remembered for longer than any access token lives.
/// </summary>
public sealed class EndedSessions : ISessionStatus
{
    /// <summary>The issuer gives no access token for longer than half of that.</summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromHours(24);

    private readonly ConcurrentDictionary<Guid, Ending> _endings = new();
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> _single = new();

    /// <summary>Writes an end down, in the transaction of the consumer that was told of it. An end of before that comes late changes nothing.</summary>
    /// <param name="db">The service's own.</param>
    /// <param name="userId">Whose sessions.</param>
    /// <param name="epoch">Sessions of smaller epochs are over.</param>
    /// <param name="endedAt">Since when, for tokens that name no epoch.</param>
    /// <param name="ct">Cancels.</param>
    public static Task RecordAsync(DbContext db, Guid userId, int epoch, DateTimeOffset endedAt, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO ended_sessions AS e (user_id, epoch, ended_at) VALUES ({userId}, {epoch}, {endedAt})
        ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch, ended_at = excluded.ended_at, noted_at = clock_timestamp() WHERE e.epoch < excluded.epoch
        """,
        ct);

    /// <summary>Writes the end of a single session down, in the transaction of the consumer that was told of it.</summary>
    public static Task RecordOneAsync(DbContext db, Guid sessionId, DateTimeOffset endedAt, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"INSERT INTO ended_single_sessions (session_id, ended_at) VALUES ({sessionId}, {endedAt}) ON CONFLICT DO NOTHING", ct);

    public ValueTask<bool> HasEndedAsync(ClaimsPrincipal caller, CancellationToken ct) => ValueTask.FromResult(HasEnded(caller));

    internal void Learn(Guid userId, int epoch, DateTimeOffset endedAt) => _endings.AddOrUpdate(
        userId, new Ending(epoch, endedAt), (_, known) => known.Epoch < epoch ? new Ending(epoch, endedAt) : known);

    internal void LearnOne(Guid sessionId, DateTimeOffset endedAt) => _single[sessionId] = endedAt;

    internal void Forget(DateTimeOffset before)
    {
        foreach (var old in _single.Where(e => e.Value < before))
        {
            _single.TryRemove(old);
        }

        foreach (var old in _endings.Where(e => e.Value.EndedAt < before))
        {
            _endings.TryRemove(old);
        }
    }

    private bool HasEnded(ClaimsPrincipal caller)
    {
        if (Guid.TryParse(caller.FindFirstValue(Claims.SessionId), out var sessionId) && _single.ContainsKey(sessionId))
        {
            return true;
        }

        if (!Guid.TryParse(caller.FindFirstValue(Claims.Subject), out var userId) || !_endings.TryGetValue(userId, out var ending))
        {
            return false;
        }

        if (int.TryParse(caller.FindFirstValue(Claims.SessionEpoch), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch))
        {
            return epoch < ending.Epoch;
        }

        // Issued before tokens named their epoch. Whole seconds: one of the same second is refused too.
        return !long.TryParse(caller.FindFirstValue(Claims.IssuedAt), NumberStyles.None, CultureInfo.InvariantCulture, out var issued)
            || DateTimeOffset.FromUnixTimeSeconds(issued) <= ending.EndedAt;
    }

    private readonly record struct Ending(int Epoch, DateTimeOffset EndedAt);
}
