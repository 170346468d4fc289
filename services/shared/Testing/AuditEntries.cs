using Npgsql;

namespace Chassis.Testing;

/// <summary>What the audit of a service has of one request.</summary>
public static class AuditEntries
{
    /// <summary>Event and status of the acts with this correlation id.</summary>
    public static async Task<IReadOnlyList<(string Event, int Status)>> AuditedAsync(this TestDatabase database, string correlationId)
    {
        await using var connection = new NpgsqlConnection(database.Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT event, status FROM audit.entries WHERE kind = 'act' AND correlation_id = $1 ORDER BY position", connection);
        command.Parameters.AddWithValue(correlationId);
        await using var reader = await command.ExecuteReaderAsync();
        var entries = new List<(string, int)>();
        while (await reader.ReadAsync())
        {
            entries.Add((reader.GetString(0), reader.GetInt32(1)));
        }

        return entries;
    }

    /// <summary>Tables with a row that was written by the very transaction that wrote the entry with this correlation id.</summary>
    public static async Task<IReadOnlyList<string>> WrittenWithAsync(this TestDatabase database, string correlationId)
    {
        await using var connection = new NpgsqlConnection(database.Migrations);
        await connection.OpenAsync();
        await using var list = new NpgsqlCommand(
            """
            SELECT array_agg(format('%I.%I', n.nspname, c.relname)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'audit') AND n.nspname NOT LIKE 'pg\_%'
            """,
            connection);
        var written = new List<string>();
        foreach (var table in (string[])(await list.ExecuteScalarAsync())!)
        {
            await using var look = new NpgsqlCommand(
                $"SELECT EXISTS (SELECT FROM {table} t WHERE t.xmin = (SELECT min(e.xmin::text) FROM audit.entries e WHERE kind = 'act' AND correlation_id = $1)::xid)", connection);
            look.Parameters.AddWithValue(correlationId);
            if ((bool)(await look.ExecuteScalarAsync())!)
            {
                written.Add(table);
            }
        }

        return written;
    }

    /// <summary>The audit of the service cannot take the entry of the request with this correlation id.</summary>
    public static Task RefuseAuditOfAsync(this TestDatabase database, string correlationId) => database.ExecuteAsync(
        $"""
        CREATE OR REPLACE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no audit today'; END $$;
        CREATE TRIGGER "refuse_{correlationId}" BEFORE INSERT ON audit.entries FOR EACH ROW WHEN (NEW.correlation_id = '{correlationId}') EXECUTE FUNCTION refuse_audit();
        """);
}
