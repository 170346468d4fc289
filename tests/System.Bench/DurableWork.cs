using System.Text.Json;
using Chassis.Testing;
using Npgsql;

namespace Shop.SystemBench;

/// <summary>What the database server and the broker have done, as they count it themselves; a difference of two is a window's work.</summary>
/// <param name="Commits">Transactions that wrote something.</param>
/// <param name="Rows">Rows inserted, updated and deleted.</param>
/// <param name="WalBytes">Written ahead.</param>
/// <param name="WalSyncs">Flushes to disk; transactions that commit together share one.</param>
/// <param name="Published">Messages that the broker took and confirmed.</param>
/// <param name="Delivered">Messages that it handed to a consumer.</param>
internal sealed record DurableWork(double Commits, double Rows, double WalBytes, double WalSyncs, double Published, double Delivered)
{
    public static async Task<DurableWork> ReadAsync(TestVhost vhost)
    {
        await using var connection = new NpgsqlConnection(TestServers.Postgres);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT pg_snapshot_xmax(pg_current_snapshot())::text::float8, sum(tup_inserted + tup_updated + tup_deleted)::float8,
                   (SELECT wal_bytes::float8 FROM pg_stat_wal), (SELECT wal_sync::float8 FROM pg_stat_wal)
            FROM pg_stat_database
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var broker = (await vhost.GetAsync("vhosts")).TryGetProperty("message_stats", out var stats) ? stats : default;
        return new DurableWork(
            reader.GetDouble(0), reader.GetDouble(1), reader.GetDouble(2), reader.GetDouble(3), Count(broker, "confirm"), Count(broker, "deliver_get"));
    }

    public static DurableWork operator -(DurableWork a, DurableWork b) =>
        new(a.Commits - b.Commits, a.Rows - b.Rows, a.WalBytes - b.WalBytes, a.WalSyncs - b.WalSyncs, a.Published - b.Published, a.Delivered - b.Delivered);

    public static DurableWork operator /(DurableWork a, double orders) =>
        new(a.Commits / orders, a.Rows / orders, a.WalBytes / orders, a.WalSyncs / orders, a.Published / orders, a.Delivered / orders);

    private static double Count(JsonElement stats, string name) =>
        stats.ValueKind == JsonValueKind.Object && stats.TryGetProperty(name, out var count) ? count.GetDouble() : 0;
}
