using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Data;

/// <summary>The audit's part of a service's migrations.</summary>
public static class AuditMigration
{
    /// <summary>
    /// Creates schema <c>audit</c>: the entries (append-only), and the two functions that alone may take something away. ADR:
    /// docs/adr/0027-operators-acts-are-recorded.md.
    /// </summary>
    public static void CreateAudit(this MigrationBuilder migration)
    {
        migration.Sql(
            """
            CREATE SCHEMA audit;

            CREATE TABLE audit.entries (
                position       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                at             timestamptz NOT NULL DEFAULT clock_timestamp(),
                kind           text        NOT NULL CHECK (kind IN ('act', 'authentication')),
                event          text        NOT NULL,
                user_id        text        NULL,
                client_id      text        NULL,
                tenant_id      text        NULL,
                address        text        NULL,
                address_hash   text        NULL,
                ids            jsonb       NOT NULL,
                reason         text        NULL,
                status         integer     NOT NULL,
                correlation_id text        NOT NULL
            );
            CREATE INDEX entries_at ON audit.entries USING brin (at);
            CREATE INDEX entries_user ON audit.entries (user_id, position);
            CREATE INDEX entries_about ON audit.entries USING gin (jsonb_path_query_array(ids, '$.*'));
            CREATE INDEX entries_correlation ON audit.entries (correlation_id);
            CREATE INDEX entries_with_address ON audit.entries (at) WHERE address IS NOT NULL;

            -- Rights keep the service from changing what is recorded; this keeps everybody else from doing it by accident.
            CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$
            BEGIN
                IF current_setting('audit.maintenance', true) IS DISTINCT FROM 'on' THEN
                    RAISE EXCEPTION 'audit.entries is append-only' USING ERRCODE = 'insufficient_privilege';
                END IF;
                RETURN NULL;
            END
            $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entries
                FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

            -- Whoever has taken over the service could call these two as well: so neither removes an act of the last thirty days.
            CREATE FUNCTION audit.sweep(keep interval, keep_addresses interval) RETURNS void
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
            $$
            BEGIN
                IF keep < interval '30 days' THEN
                    RAISE EXCEPTION 'what is recorded stays for 30 days at least' USING ERRCODE = 'insufficient_privilege';
                END IF;
                PERFORM set_config('audit.maintenance', 'on', true);
                DELETE FROM audit.entries WHERE at < now() - keep;
                UPDATE audit.entries SET address = NULL WHERE address IS NOT NULL AND at < now() - keep_addresses;
                PERFORM set_config('audit.maintenance', 'off', true);
            END
            $$;

            -- What a person did stays, under the id only; what was said about the person, or about what was the person's, goes.
            CREATE FUNCTION audit.forget(about text[]) RETURNS void
                LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
            $$
            BEGIN
                PERFORM set_config('audit.maintenance', 'on', true);
                UPDATE audit.entries SET address = NULL, address_hash = NULL
                WHERE user_id = ANY(about) AND (address IS NOT NULL OR address_hash IS NOT NULL);
                UPDATE audit.entries SET reason = NULL
                WHERE jsonb_path_query_array(ids, '$.*') ?| about AND reason IS NOT NULL;
                PERFORM set_config('audit.maintenance', 'off', true);
            END
            $$;
            """);
        migration.AppendOnly("audit.entries");
    }
}
