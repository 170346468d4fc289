using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Data;

/// <summary>
/// Seals anew what was sealed with a former master secret, or by a version before the envelope, so that the former secret can go. What no secret opens stays as
/// it is.
/// </summary>
internal sealed partial class SealingSweep(
    IEnumerable<SealedColumn> columns,
    NpgsqlDataSource database,
    Envelope envelope,
    IOptions<SealingSettings> settings,
    TimeProvider clock,
    ILogger<SealingSweep> logger) : PeriodicService(clock, logger)
{
    private const int Batch = 500;

    /// <returns>How many boxes are other ones now.</returns>
    public async Task<int> SweepAsync(CancellationToken ct)
    {
        var all = 0;
        foreach (var column in columns)
        {
            var (changed, lost) = await SweepAsync(column, ct);
            all += changed;
            if (changed > 0)
            {
                LogSealed(Logger, changed, column.Table);
            }

            if (lost > 0)
            {
                LogLost(Logger, lost, column.Table);
            }
        }

        return all;
    }

    protected override TimeSpan Interval => settings.Value.AnewAfter;

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);

    private async Task<(int Changed, int Lost)> SweepAsync(SealedColumn column, CancellationToken ct)
    {
        await using var reading = await database.OpenConnectionAsync(ct);
        await using var writing = await database.OpenConnectionAsync(ct);
        await using var stale = new NpgsqlCommand(column.Stale, reading) { Parameters = { new() { Value = envelope.BeginningOfCurrent() } } };
        await using var rows = await stale.ExecuteReaderAsync(ct);
        var (changed, lost) = (0, 0);
        var batch = new NpgsqlBatch(writing);
        try
        {
            while (await rows.ReadAsync(ct))
            {
                var (row, box) = (rows.GetString(1), rows.GetFieldValue<byte[]>(2));
                try
                {
                    batch.BatchCommands.Add(new NpgsqlBatchCommand(column.Replace)
                    {
                        Parameters =
                        {
                            new() { Value = rows.GetFieldValue<NpgsqlTid>(0), NpgsqlDbType = NpgsqlDbType.Tid },
                            new() { Value = box },
                            new() { Value = column.Seal(envelope, row, column.Open(envelope, row, box)) },
                        },
                    });
                }
                catch (CryptographicException)
                {
                    lost++;
                }

                if (batch.BatchCommands.Count == Batch)
                {
                    changed += await batch.ExecuteNonQueryAsync(ct);
                    batch.BatchCommands.Clear();
                }
            }

            return (batch.BatchCommands.Count == 0 ? changed : changed + await batch.ExecuteNonQueryAsync(ct), lost);
        }
        finally
        {
            await batch.DisposeAsync();
        }
    }

    [LoggerMessage(1021, LogLevel.Information, "{Count} values of {Table} were sealed anew, with the master secret of today.",
        EventName = "sealing.values_resealed")]
    private static partial void LogSealed(ILogger logger, int count, string table);

    [LoggerMessage(1022, LogLevel.Error, "{Count} values of {Table} are sealed with a master secret that the settings do not have, and cannot be read.",
        EventName = "sealing.values_unreadable")]
    private static partial void LogLost(ILogger logger, int count, string table);
}
