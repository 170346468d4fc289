using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Web;

/// <summary>The part of a service's migrations that <see cref="Idempotency"/> needs.</summary>
public static class IdempotencyMigration
{
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
    /// Stores the ids beside the answer: to look for them in SQL cost more than the rest of storing it, and again whenever the table was analyzed. An answer of
    /// the version before has none, and is found as it was.
    /// </summary>
    public static void StoreIdsOfIdempotencyKeys(this MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE idempotency_keys ADD COLUMN ids uuid[];
        DROP INDEX idempotency_keys_ids;
        CREATE INDEX idempotency_keys_ids ON idempotency_keys USING gin (ids);
        CREATE INDEX idempotency_keys_without_ids ON idempotency_keys USING gin (ids_in(body)) WHERE ids IS NULL;
        """);
}
