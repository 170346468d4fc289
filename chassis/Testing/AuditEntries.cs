using Chassis.Data;
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
        await using var command = new NpgsqlCommand(
            "SELECT event, status FROM audit.entries WHERE kind = 'act' AND correlation_id = $1 ORDER BY position", connection);
        command.Parameters.AddValue(correlationId);
        await using var reader = await command.ExecuteReaderAsync();
        var entries = new List<(string, int)>();
        while (await reader.ReadAsync())
        {
            entries.Add((reader.GetString(0), reader.GetInt32(1)));
        }

        return entries;
    }

    /// <summary>
    /// From now on it is noted which transaction writes rows of which table, in <c>testing.writes</c>. A row tells by itself who wrote it (<c>xmin</c>), but
    /// only until the next one writes it, and of one that was deleted nothing is left.
    /// </summary>
    public static async Task NoteWritesAsync(this TestDatabase database)
    {
        await database.ExecuteAsync(
            """
            CREATE SCHEMA IF NOT EXISTS testing;
            CREATE TABLE IF NOT EXISTS testing.writes (xid xid8 NOT NULL, written text NOT NULL, correlation text);
            CREATE OR REPLACE FUNCTION testing.note_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                INSERT INTO testing.writes VALUES (
                    pg_current_xact_id(), format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME),
                    CASE WHEN TG_TABLE_SCHEMA = 'audit' AND to_jsonb(NEW) ->> 'kind' = 'act' THEN to_jsonb(NEW) ->> 'correlation_id' END);
                RETURN NULL;
            END $$;
            """);
        await using var connection = new NpgsqlConnection(database.Migrations);
        await connection.OpenAsync();
        await using var list = new NpgsqlCommand(
            """
            SELECT array_agg(format('%I.%I', n.nspname, c.relname)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'testing') AND n.nspname NOT LIKE 'pg\_%'
            """,
            connection);

        // One transaction for each: several tables at once, in another order than the service's, could end in a circle.
        foreach (var table in (string[])(await list.ExecuteScalarAsync())!)
        {
            await database.ExecuteAsync(
                $"CREATE OR REPLACE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION testing.note_write()");
        }
    }

    /// <summary>
    /// Tables of which the very transaction that wrote the entry with this correlation id has written rows; see <see cref="NoteWritesAsync"/>.
    /// </summary>
    public static async Task<IReadOnlyList<string>> WrittenWithAsync(this TestDatabase database, string correlationId)
    {
        await using var connection = new NpgsqlConnection(database.Administration);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "SELECT coalesce(array_agg(DISTINCT w.written), '{}') FROM testing.writes a JOIN testing.writes w USING (xid) WHERE a.correlation = $1 AND w.written NOT LIKE 'audit.%'",
            connection);
        command.Parameters.AddValue(correlationId);
        return (string[])(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The audit of the service cannot take the entry of the request with this correlation id.</summary>
    public static Task RefuseAuditOfAsync(this TestDatabase database, string correlationId) => database.ExecuteAsync(
        $"""
        CREATE OR REPLACE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no audit today'; END $$;
        CREATE TRIGGER "refuse_{correlationId}" BEFORE INSERT ON audit.entries FOR EACH ROW WHEN (NEW.correlation_id = '{correlationId}') EXECUTE FUNCTION refuse_audit();
        """);
}
