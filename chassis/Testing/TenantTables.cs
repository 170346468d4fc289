using Npgsql;

namespace Chassis.Testing;

/// <summary>Finds tables of which nobody has said whose they are.</summary>
public static class TenantTables
{
    /// <summary>Of the chassis. Schemas end with a dot.</summary>
    private static readonly Dictionary<string, string> Known = new(StringComparer.Ordinal)
    {
        ["messaging."] = "messages carry their tenant in their headers; only operators of the installation see them",
        ["testing."] = "what tests note",
        ["event_store."] = "events carry their tenant in their metadata, and are read with their aggregate",
        ["__EFMigrationsHistory"] = "about the schema",
        ["ended_sessions"] = "the user's, and no more than that",
        ["ended_single_sessions"] = "names a session, and nobody",
        ["idempotency_keys"] = "stored answers: each caller gets their own only",
    };

    /// <summary>Every table of the service has a column <c>tenant_id</c>, or stands in the list with the reason why not.</summary>
    /// <param name="database">The service's database, migrated.</param>
    /// <param name="without">Tables without a tenant, with the reason.</param>
    /// <exception cref="InvalidOperationException">Names every table that is neither, and every entry without such a table.</exception>
    public static async Task VerifyTenantsAsync(this TestDatabase database, IReadOnlyDictionary<string, string> without)
    {
        await using var connection = new NpgsqlConnection(database.Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
                EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
            """,
            connection);
        var tables = new Dictionary<string, bool>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            tables.Add(reader.GetString(0), reader.GetBoolean(1));
        }

        string[] findings =
        [
            .. tables.Where(t => !t.Value && !without.ContainsKey(t.Key) && !Known.ContainsKey(t.Key) && !Known.ContainsKey(t.Key.Split('.')[0] + "."))
                .Select(t => $"{t.Key}: has no tenant_id. Add it by a migration, or list the table with the reason"),
            .. without.Where(w => !tables.TryGetValue(w.Key, out var has) || has).Select(
                w => $"{w.Key}: is in the list, and there is no such table without a tenant"),
        ];
        if (findings.Length > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, findings));
        }
    }
}
