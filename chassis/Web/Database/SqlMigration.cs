using System.Reflection;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Web;

/// <summary>
/// A migration whose script is the embedded file <c>Migrations/{id}.sql</c>. A subclass carries <c>[DbContext]</c> and <c>[Migration("0001_initial")]</c>;
/// it overrides <see cref="Up"/> to add the tables of a chassis module before or after its own script.
/// </summary>
public abstract class SqlMigration : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(Script());

    private string Script()
    {
        var id = GetType().GetCustomAttribute<MigrationAttribute>()?.Id
            ?? throw new InvalidOperationException($"{GetType().Name} has no [Migration] attribute.");
        using var stream = GetType().Assembly.GetManifestResourceStream($"migrations/{id}.sql")
            ?? throw new InvalidOperationException($"The script Migrations/{id}.sql of {GetType().Name} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

public static class MigrationBuilderExtensions
{
    /// <summary>The comment that marks a table on which the runtime role gets no UPDATE, DELETE or TRUNCATE.</summary>
    internal const string AppendOnlyMark = "append-only";

    /// <summary>Declares that a table only ever grows: the runtime role may read and insert, nothing else.</summary>
    /// <param name="migrationBuilder">The migration.</param>
    /// <param name="table">Name with schema, for example <c>event_store.events</c>.</param>
    public static void AppendOnly(this MigrationBuilder migrationBuilder, string table) =>
        migrationBuilder.Sql($"COMMENT ON TABLE {table} IS '{AppendOnlyMark}'");

    /// <summary>The table behind <c>WithIdempotencyKey()</c>.</summary>
    public static void CreateIdempotencyKeys(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE idempotency_keys (
            caller       text        NOT NULL,
            key          text        NOT NULL,
            fingerprint  bytea       NOT NULL,
            status       integer     NOT NULL,
            headers      jsonb       NOT NULL,
            body         bytea       NOT NULL,
            created_at   timestamptz NOT NULL,
            PRIMARY KEY (caller, key)
        );
        CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
        """);

    /// <summary>The table of <see cref="EndedSessions"/>.</summary>
    public static void CreateEndedSessions(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE ended_sessions (
            user_id  uuid        PRIMARY KEY,
            epoch    integer     NOT NULL,
            ended_at timestamptz NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX ended_sessions_noted_at ON ended_sessions (noted_at);
        """);

    /// <summary>The second table of <see cref="EndedSessions"/>: sessions that ended by themselves.</summary>
    public static void CreateEndedSingleSessions(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE TABLE ended_single_sessions (
            session_id uuid        PRIMARY KEY,
            ended_at   timestamptz NOT NULL,
            noted_at   timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX ended_single_sessions_noted_at ON ended_single_sessions (noted_at);
        """);

    /// <summary>Makes stored answers findable by the ids in them, for <see cref="Idempotency.ForgetAsync"/>.</summary>
    public static void IndexIdempotencyKeys(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        CREATE FUNCTION ids_in(body bytea) RETURNS uuid[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS
        $$
            SELECT ARRAY(
                SELECT DISTINCT found[1]::uuid
                FROM regexp_matches(encode(body, 'escape'), '([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})', 'g') AS found)
        $$;
        CREATE INDEX idempotency_keys_ids ON idempotency_keys USING gin (ids_in(body));
        """);

    /// <summary>
    /// Stores the ids beside the answer: to look for them in SQL cost more than the rest of storing it, and again whenever the table was analyzed. An answer of the version before has
    /// none, and is found as it was.
    /// </summary>
    public static void StoreIdsOfIdempotencyKeys(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE idempotency_keys ADD COLUMN ids uuid[];
        DROP INDEX idempotency_keys_ids;
        CREATE INDEX idempotency_keys_ids ON idempotency_keys USING gin (ids);
        CREATE INDEX idempotency_keys_without_ids ON idempotency_keys USING gin (ids_in(body)) WHERE ids IS NULL;
        """);
}
