using Chassis.Data;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.Web;

/// <summary>Reads every second which sessions have ended, whichever replica was told. What is known stays known while the database is away.</summary>
public sealed class EndedSessionsWatch(NpgsqlDataSource database, EndedSessions sessions, TimeProvider clock, ILogger<EndedSessionsWatch> logger)
    : PeriodicService(clock, logger)
{
    // A transaction may commit later than one that was noted after it.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    private DateTime? _readUntil;
    private long _lastSweep = clock.GetTimestamp();

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the first request, if the database is there.
        await TryAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(1);

    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        await ReadAsync(ct);
        if (Clock.GetElapsedTime(_lastSweep) > SweepInterval)
        {
            _lastSweep = Clock.GetTimestamp();
            await SweepAsync(ct);
        }
    }

    private async Task ReadAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT user_id, epoch, ended_at, noted_at FROM ended_sessions WHERE noted_at > $1
            UNION ALL SELECT session_id, NULL, ended_at, noted_at FROM ended_single_sessions WHERE noted_at > $1
            ORDER BY noted_at
            """);
        command.Parameters.AddValue(_readUntil is { } until ? until - Overlap : DateTime.UnixEpoch);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var (id, endedAt) = (reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(2));
            if (await reader.IsDBNullAsync(1, ct))
            {
                sessions.LearnOne(id, endedAt);
            }
            else
            {
                sessions.Learn(id, reader.GetInt32(1), endedAt);
            }

            _readUntil = reader.GetDateTime(3);
        }
    }

    private async Task SweepAsync(CancellationToken ct)
    {
        sessions.Forget(Clock.GetUtcNow() - EndedSessions.Remembered);
        await using var command = database.CreateCommand(
            "WITH one AS (DELETE FROM ended_single_sessions WHERE noted_at < now() - $1) DELETE FROM ended_sessions WHERE noted_at < now() - $1");
        command.Parameters.AddValue(EndedSessions.Remembered);
        await command.ExecuteNonQueryAsync(ct);
    }
}
