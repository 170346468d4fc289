using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Inbox;

/// <summary>Forgets message ids after their time, a few thousand at once so that nobody waits for it.</summary>
internal sealed partial class InboxCleanup(NpgsqlDataSource database, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<InboxCleanup> logger) : BackgroundService
{
    private const int Batch = 5_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(100);

    private const string Sql =
        """
        DELETE FROM messaging.inbox WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM messaging.inbox WHERE received_at < now() - $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                while (!stoppingToken.IsCancellationRequested && await CleanAsync(stoppingToken) == Batch)
                {
                    await Task.Delay(Breath, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            catch (NpgsqlException e)
            {
                LogFailed(e.Message);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>One batch; as many rows as that were there, or fewer when nothing is left.</summary>
    public async Task<int> CleanAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = options.Value.InboxRetention, NpgsqlDbType = NpgsqlDbType.Interval });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Batch });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(2031, LogLevel.Warning, "The inbox could not be cleaned: {Reason}")]
    private partial void LogFailed(string reason);
}
