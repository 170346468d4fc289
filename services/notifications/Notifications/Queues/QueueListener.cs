using Npgsql;

namespace Notifications.Queues;

/// <summary>
/// Turns the database's notifications into signals for the workers of this process: what any replica commits wakes all of them at the commit.
/// It is a convenience; without it, workers find work by looking every second.
/// </summary>
public sealed partial class QueueListener(NpgsqlDataSource database, IReadOnlyDictionary<string, WorkSignal> channels, TimeProvider clock, ILogger<QueueListener> logger)
    : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Listen(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogLost(logger, e.Message);
            }

            await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Listen(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        connection.Notification += (_, e) => channels.GetValueOrDefault(e.Channel)?.Set();
        await using (var listen = new NpgsqlCommand(string.Join("; ", channels.Keys.Select(c => $"LISTEN {c}")), connection))
        {
            await listen.ExecuteNonQueryAsync(ct);
        }

        // What was said before anybody listened.
        foreach (var signal in channels.Values)
        {
            signal.Set();
        }

        while (true)
        {
            await connection.WaitAsync(ct);
        }
    }

    [LoggerMessage(5001, LogLevel.Warning, "Lost the connection that listens for work: {Reason}")]
    private static partial void LogLost(ILogger logger, string reason);
}
