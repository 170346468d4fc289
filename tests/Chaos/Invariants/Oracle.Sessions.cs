namespace Shop.Chaos.Invariants;

/// <summary>What is promised of sessions that were ended.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> EndedSessionsAreKnownAsync()
    {
        var ended = await _stage.RowsAsync(
            "users", "SELECT id, session_epoch FROM users WHERE session_epoch > 0", r => (User: r.GetGuid(0), Epoch: r.GetInt32(1)));
        var violations = new List<string>();
        foreach (var service in ServiceNames.Except(["users"]))
        {
            var known = (await _stage.RowsAsync(
                service, "SELECT user_id, epoch FROM ended_sessions", r => (User: r.GetGuid(0), Epoch: r.GetInt32(1)))).ToDictionary(
                e => e.User, e => e.Epoch);
            violations.AddRange(ended.Where(e => known.GetValueOrDefault(e.User) < e.Epoch).Select(e => $"{service} goes on accepting tokens of {e.User}"));
        }

        return new Verdict("sessions", "Whose sessions have ended is known to every service", ended.Count, violations);
    }
}
