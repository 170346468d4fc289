using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Data;

/// <summary>
/// Has the parts of partitioned tables made before their time comes. When it was away for longer, rows are in the last part, which has no end, and the next
/// time makes a part of it.
/// </summary>
internal sealed class PartitionsAhead(NpgsqlDataSource database, PartitionMetrics metrics, TimeProvider clock, ILogger<PartitionsAhead> logger)
    : PeriodicService(clock, logger)
{
    /// <summary>Whole parts after the one of now.</summary>
    public const int Ahead = 4;

    private const string TablesSql =
        """
        SELECT t.name, t.days, partitions.time_of(p.begins) FROM partitions.tables t JOIN partitions.parts p ON p.of = t.name AND p.ends IS NULL ORDER BY t.name
        """;

    protected override TimeSpan Interval { get; } = TimeSpan.FromMinutes(10);

    protected override bool IsFirstAtStart => true;

    /// <summary>Makes what is missing.</summary>
    /// <returns>How many parts were made.</returns>
    public async Task<int> MakeAsync(CancellationToken ct)
    {
        if (!await IsUsedAsync(ct))
        {
            return 0;
        }

        var made = 0;
        foreach (var table in await ReadAsync(ct))
        {
            try
            {
                made += await MakeAsync(table.Name, ct);
            }
            catch (PostgresException e) when (DatabaseFailure.IsConflict(e))
            {
                // Somebody is at work on the table for long. There are parts for weeks, and another look in minutes.
            }
        }

        metrics.Update(await ReadAsync(ct));
        return made;
    }

    protected override Task RunOnceAsync(CancellationToken ct) => MakeAsync(ct);

    // A service may keep nothing in parts.
    private async Task<bool> IsUsedAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT to_regclass('partitions.tables') IS NOT NULL");
        return await command.ExecuteScalarAsync(ct) is true;
    }

    private async Task<int> MakeAsync(string table, CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT partitions.make($1, $2, $3)");
        command.Parameters.AddValue(table);
        command.Parameters.AddValue(Ahead);
        command.Parameters.AddValue(Clock.GetUtcNow().UtcDateTime, NpgsqlDbType.TimestampTz);
        return (int)(await command.ExecuteScalarAsync(ct))!;
    }

    private async Task<List<PartitionedTable>> ReadAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(TablesSql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var tables = new List<PartitionedTable>();
        while (await reader.ReadAsync(ct))
        {
            tables.Add(new PartitionedTable(reader.GetString(0), TimeSpan.FromDays(reader.GetInt32(1)), reader.GetFieldValue<DateTimeOffset>(2)));
        }

        return tables;
    }
}

/// <summary>A partitioned table.</summary>
/// <param name="Name">With its schema.</param>
/// <param name="Part">How long a part is.</param>
/// <param name="Reached">Where the last part begins, which has no end.</param>
internal sealed record PartitionedTable(string Name, TimeSpan Part, DateTimeOffset Reached)
{
    /// <summary>Whole parts after the one of a moment; less than zero when that is beyond the last border.</summary>
    public double AheadAt(DateTimeOffset now) => Math.Ceiling((Reached - now) / Part) - 1;
}

/// <summary>How far ahead there are parts. It is the clock that uses them up, so that a job that runs no more is seen.</summary>
internal sealed class PartitionMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly TimeProvider _clock;
    private volatile IReadOnlyList<PartitionedTable> _tables = [];

    public PartitionMetrics(IMeterFactory meters, TimeProvider clock)
    {
        _clock = clock;
        _meter = meters.Create("Chassis.Data");
        _meter.CreateObservableGauge(
            "database.partitions.ahead", () => Read(), "{partition}", "Parts of a partitioned table that wait for their time; below zero when rows are in the last one.");
    }

    public void Update(IReadOnlyList<PartitionedTable> tables) => _tables = tables;

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> Read()
    {
        var now = _clock.GetUtcNow();
        return _tables.Select(t => new Measurement<double>(t.AheadAt(now), new KeyValuePair<string, object?>("table", t.Name)));
    }
}
