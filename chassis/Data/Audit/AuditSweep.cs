using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Data;

/// <summary>Takes away entries, and addresses of entries, whose time is over.</summary>
internal sealed class AuditSweep(NpgsqlDataSource database, IOptions<AuditSettings> settings, TimeProvider clock, ILogger<AuditSweep> logger)
    : PeriodicService(clock, logger)
{
    protected override TimeSpan Interval { get; } = TimeSpan.FromHours(1);

    /// <summary>Sweeps once.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT audit.sweep($1, $2)");
        foreach (var days in (int[])[settings.Value.RetentionDays, settings.Value.AddressRetentionDays])
        {
            command.Parameters.AddValue(TimeSpan.FromDays(days), NpgsqlDbType.Interval);
        }

        await command.ExecuteNonQueryAsync(ct);
    }

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);
}
