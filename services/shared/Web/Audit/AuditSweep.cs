using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Web;

/// <summary>Takes away entries, and addresses of entries, whose time is over.</summary>
internal sealed partial class AuditSweep(NpgsqlDataSource database, IOptions<AuditSettings> settings, TimeProvider clock, ILogger<AuditSweep> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Sweeps once.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT audit.sweep($1, $2)");
        foreach (var days in (int[])[settings.Value.RetentionDays, settings.Value.AddressRetentionDays])
        {
            command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = TimeSpan.FromDays(days), NpgsqlDbType = NpgsqlDbType.Interval });
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (NpgsqlException e)
            {
                LogFailed(logger, e.Message);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    [LoggerMessage(1602, LogLevel.Warning, "Old entries of the audit could not be removed ({Reason}); it is tried again.")]
    private static partial void LogFailed(ILogger logger, string reason);
}
