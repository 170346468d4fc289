using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.Web;

/// <summary>Reads every second which sessions have ended, whichever replica was told. What is known stays known while the database is away.</summary>
public sealed partial class EndedSessionsWatch(NpgsqlDataSource database, EndedSessions sessions, TimeProvider clock, ILogger<EndedSessionsWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // A transaction may commit later than one that was noted after it.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    private DateTime? readUntil;
    private long lastSweep = clock.GetTimestamp();

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the first request, if the database is there.
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(cancellationToken);
            if (clock.GetElapsedTime(lastSweep) > SweepInterval)
            {
                lastSweep = clock.GetTimestamp();
                await SweepAsync(cancellationToken);
            }
        }
        catch (NpgsqlException e)
        {
            LogFailed(logger, e.Message);
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT user_id, epoch, ended_at, noted_at FROM ended_sessions WHERE noted_at > $1
            UNION ALL SELECT session_id, NULL, ended_at, noted_at FROM ended_single_sessions WHERE noted_at > $1
            ORDER BY noted_at
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = readUntil is { } until ? until - Overlap : DateTime.UnixEpoch });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (id, endedAt) = (reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(2));
            if (await reader.IsDBNullAsync(1, cancellationToken))
            {
                sessions.LearnOne(id, endedAt);
            }
            else
            {
                sessions.Learn(id, reader.GetInt32(1), endedAt);
            }

            readUntil = reader.GetDateTime(3);
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        sessions.Forget(clock.GetUtcNow() - EndedSessions.Remembered);
        await using var command = database.CreateCommand(
            "WITH one AS (DELETE FROM ended_single_sessions WHERE noted_at < now() - $1) DELETE FROM ended_sessions WHERE noted_at < now() - $1");
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = EndedSessions.Remembered });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(1502, LogLevel.Warning, "It could not be read which sessions have ended ({Reason}); it is tried again every second.")]
    private static partial void LogFailed(ILogger logger, string reason);
}
