using Npgsql;
using NpgsqlTypes;

namespace Chassis.Data;

/// <summary>What retention asks of partitioned tables. ADR: docs/adr/0042-tables-that-stay-small.md.</summary>
public static class Partitions
{
    /// <summary>
    /// Condition for rows that no drop takes: those of the first part, where old ids go, and of the last one, where ids are that say no time. Few, and deleted
    /// one by one.
    /// </summary>
    /// <param name="table">Name with schema.</param>
    /// <param name="key">The column that the table is partitioned by.</param>
    public static string OutsideOf(string table, string key) =>
        $"""
        ({key} < (SELECT ends FROM partitions.parts WHERE of = '{table}' AND begins IS NULL)
            OR {key} >= (SELECT begins FROM partitions.parts WHERE of = '{table}' AND ends IS NULL))
        """;

    /// <summary>Drops every part of which all rows are older than so long.</summary>
    /// <param name="database">The service's database, as the role that serves requests.</param>
    /// <param name="table">Name with schema.</param>
    /// <param name="kept">How long rows are kept at least: up to the length of a part longer.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>How many parts were dropped: none, where the table was in use all the time.</returns>
    public static async Task<int> DropPartitionsAsync(this NpgsqlDataSource database, string table, TimeSpan kept, CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT partitions.drop_older($1, $2, now())");
        command.Parameters.AddValue(table);
        command.Parameters.AddValue(kept, NpgsqlDbType.Interval);
        try
        {
            return (int)(await command.ExecuteScalarAsync(ct))!;
        }
        catch (PostgresException e) when (DatabaseFailure.IsConflict(e))
        {
            return 0;
        }
    }
}
