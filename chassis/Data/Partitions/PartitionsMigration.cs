using System.Globalization;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Data;

/// <summary>
/// Tables that are partitioned by the time in their ids. ADR: docs/adr/0042-tables-that-stay-small.md.
/// </summary>
public static class PartitionsMigration
{
    /// <summary>
    /// Creates schema <c>partitions</c>: which tables are partitioned, where their parts begin and end, and the two functions by which the service has parts
    /// made and dropped, since it has no right to change the schema.
    /// </summary>
    public static void CreatePartitions(this MigrationBuilder migration)
    {
        migration.Sql(Views);
        migration.Sql(Make);
        migration.Sql(Drop);
        migration.Sql(Convert);
    }

    /// <summary>
    /// Gets a large table ready while it is written to: proves, without holding anybody up, that its ids are of the past, so that it can become a part without
    /// being read under a lock. Only where all ids are made by <see cref="Ids"/>. A table with others is read then.
    /// </summary>
    /// <param name="migration">The migration.</param>
    /// <param name="table">Name with schema.</param>
    /// <param name="key">The column that a row is placed by: an id that is made in the order of time (UUIDv7).</param>
    /// <param name="days">How long a part is, in days.</param>
    public static void PreparePartitions(this MigrationBuilder migration, string table, string key, int days)
    {
        migration.Sql(Invariant($"SELECT partitions.prepare('{table}', '{key}', {days})"), suppressTransaction: true);
        migration.Sql($"SELECT partitions.prove('{table}')", suppressTransaction: true);
    }

    /// <summary>
    /// Puts a partitioned table in the place of one, which becomes its part of everything so far. Rows of later ids are moved. Rights, defaults, checks and the
    /// numbers of an identity are kept; keys and indexes are for the migration to declare afterwards: those that the table has already are taken over as
    /// they are.
    /// </summary>
    /// <param name="migration">The migration.</param>
    /// <param name="table">Name with schema.</param>
    /// <param name="key">The column that a row is placed by, and a part of every unique key.</param>
    /// <param name="days">How long a part is, in days.</param>
    /// <param name="keptBy">The column of times by which rows grow old; null for what is kept for ever.</param>
    /// <param name="mark">What the comment of the table says beside that, such as that it is append-only.</param>
    public static void Partition(this MigrationBuilder migration, string table, string key, int days, string? keptBy, string? mark = null) =>
        migration.Sql(Invariant($"SELECT partitions.convert('{table}', '{key}', {days}, '{keptBy}', '{mark}')"));

    private static string Invariant(FormattableString sql) => sql.ToString(CultureInfo.InvariantCulture);

    private const string Views =
        """
        CREATE SCHEMA partitions;

        -- The least id of a moment, as UUIDv7 begins with milliseconds; and the moment of an id. Of an id that is none, the bits say some moment all the same.
        CREATE FUNCTION partitions.first_id(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS
        $$ SELECT rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid $$;
        CREATE FUNCTION partitions.time_of(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS
        $$ SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) $$;
        CREATE FUNCTION partitions.beginning(at timestamptz, days integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS
        $$ SELECT to_timestamp(floor(extract(epoch FROM at) / (days * 86400)) * (days * 86400)) $$;

        CREATE VIEW partitions.tables AS
            SELECT format('%I.%I', n.nspname, c.relname) AS name, c.oid AS id, m[1] AS key, m[2]::int AS days, m[3] AS kept_by
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                regexp_match(obj_description(c.oid, 'pg_class'), 'partitioned by (\w+), (\d+) days(?:, dropped by (\w+))?') AS m
            WHERE c.relkind = 'p' AND m IS NOT NULL;

        -- From begins (inclusive) to ends (exclusive). The first has no beginning, the last one no end: there is a place for every id.
        CREATE VIEW partitions.parts AS
            SELECT t.name AS of, format('%I.%I', n.nspname, c.relname) AS name, bounds[1]::uuid AS begins, bounds[2]::uuid AS ends
            FROM partitions.tables t JOIN pg_inherits i ON i.inhparent = t.id JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
                regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((?:MINVALUE|''([-0-9a-f]+)'')\) TO \((?:MAXVALUE|''([-0-9a-f]+)'')\)') AS bounds;
        """;

    private const string Make =
        """
        -- Waits its turn for as long as the table is in use, in looks of a fifth of a second: whoever comes later would wait behind a longer one.
        CREATE FUNCTION partitions.hold(table_name text, looks integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        BEGIN
            PERFORM set_config('lock_timeout', '200ms', true);
            FOR look IN 1..looks LOOP
                BEGIN
                    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', table_name);
                    RETURN;
                EXCEPTION WHEN lock_not_available THEN
                    IF look = looks THEN RAISE; END IF;
                END;
                PERFORM pg_sleep(0.1 + random() / 5);
            END LOOP;
        END
        $$;

        CREATE FUNCTION partitions.add_table(of_table partitions.tables, part text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        BEGIN
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', part, of_table.name);
            IF obj_description(of_table.id, 'pg_class') LIKE 'append-only%' THEN
                PERFORM partitions.protect(of_table.id, part);
            END IF;
            -- A version that knows of no parts looks at its start whether it may read every table, and may be started after this one.
            EXECUTE (
                SELECT coalesce(string_agg(format('GRANT SELECT ON %s TO %s', part, acl.grantee::regrole), '; '), 'SELECT')
                FROM pg_class c, aclexplode(c.relacl) AS acl
                WHERE c.oid = of_table.id AND acl.privilege_type = 'SELECT' AND acl.grantee NOT IN (0, c.relowner));
        END
        $$;

        -- Triggers that look at statements are those of the table that the statement names.
        CREATE FUNCTION partitions.protect(of_table oid, part text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        BEGIN
            EXECUTE format('COMMENT ON TABLE %s IS %L', part, 'append-only, a part of ' || of_table::regclass);
            EXECUTE (SELECT replace(pg_get_triggerdef(oid), ' ON ' || of_table::regclass, ' ON ' || part) FROM pg_trigger WHERE tgrelid = of_table AND tgname = 'append_only');
        END
        $$;

        -- Rows of the open part that lie before or after a border go to another table.
        CREATE FUNCTION partitions.move(source text, target text, condition text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        BEGIN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', source);
            EXECUTE format('INSERT INTO %s SELECT * FROM %s WHERE %s', target, source, condition);
            EXECUTE format('DELETE FROM %s WHERE %s', source, condition);
            EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', source);
        END
        $$;

        -- One more part between those that are there and the open one. When nobody has made one for long, the open part has the rows of that time: it becomes
        -- the part itself, and what is beyond moves to a new open one. Whichever are fewer are moved.
        CREATE FUNCTION partitions.make_next(of_table partitions.tables, border timestamptz) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        DECLARE
            last partitions.parts;
            upper uuid := partitions.first_id(border);
            part text;
            few boolean;
        BEGIN
            SELECT * INTO STRICT last FROM partitions.parts p WHERE p.of = of_table.name AND p.ends IS NULL;
            part := of_table.name || '_' || to_char(partitions.time_of(last.begins) AT TIME ZONE 'UTC', 'YYYYMMDD');
            EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', of_table.name, last.name);
            EXECUTE format('SELECT count(*) < 10000 FROM (SELECT FROM %s WHERE %I < %L LIMIT 10000) AS r', last.name, of_table.key, upper) INTO few;
            IF few THEN
                PERFORM partitions.add_table(of_table, part);
                PERFORM partitions.move(last.name, part, format('%I < %L', of_table.key, upper));
            ELSE
                EXECUTE format('ALTER TABLE %s RENAME TO %s', last.name, split_part(part, '.', 2));
                PERFORM partitions.add_table(of_table, last.name);
                PERFORM partitions.move(part, last.name, format('%I >= %L', of_table.key, upper));
            END IF;
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', of_table.name, part, last.begins, upper);
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (MAXVALUE)', of_table.name, last.name, upper);
        END
        $$;

        -- Makes parts until there are so many after the one of a moment; answers how many it made. The service may call it: on tables that a migration has
        -- partitioned, and on no others, and not for a time that never comes.
        CREATE FUNCTION partitions.make(table_name text, ahead integer, at timestamptz) RETURNS integer
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '200ms' AS
        $$
        DECLARE
            of_table partitions.tables;
            reached timestamptz;
            wanted timestamptz;
            made integer := 0;
        BEGIN
            IF ahead NOT BETWEEN 1 AND 12 OR at > now() + interval '10 years' THEN
                RAISE EXCEPTION 'parts are made for times that will come' USING ERRCODE = 'insufficient_privilege';
            END IF;
            SELECT * INTO STRICT of_table FROM partitions.tables t WHERE t.name = table_name;
            wanted := partitions.beginning(at, of_table.days) + (ahead + 1) * of_table.days * interval '24 hours';
            IF (SELECT partitions.time_of(p.begins) >= wanted FROM partitions.parts p WHERE p.of = table_name AND p.ends IS NULL) THEN
                RETURN 0;
            END IF;
            PERFORM partitions.hold(table_name, 3);
            LOOP
                SELECT partitions.time_of(p.begins) INTO STRICT reached FROM partitions.parts p WHERE p.of = table_name AND p.ends IS NULL;
                EXIT WHEN reached >= wanted;
                PERFORM partitions.make_next(of_table, greatest(reached, partitions.beginning(at, of_table.days)) + of_table.days * interval '24 hours');
                made := made + 1;
            END LOOP;
            RETURN made;
        END
        $$;
        """;

    private const string Drop =
        """
        -- Drops parts of which nothing is younger than so long; answers how many. What comes under so old an id later finds its place in the first part, which
        -- grows by theirs. The service, which may delete these rows anyway, may call it.
        CREATE FUNCTION partitions.drop_older(table_name text, keep interval, at timestamptz) RETURNS integer
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '200ms' AS
        $$
        DECLARE
            of_table partitions.tables;
            first partitions.parts;
            oldest partitions.parts;
            wanted boolean;
            dropped integer := 0;
        BEGIN
            SELECT * INTO STRICT of_table FROM partitions.tables t WHERE t.name = table_name;
            IF of_table.kept_by IS NULL THEN
                RAISE EXCEPTION '% is kept for ever', table_name USING ERRCODE = 'insufficient_privilege';
            END IF;
            LOOP
                SELECT * INTO STRICT first FROM partitions.parts p WHERE p.of = table_name AND p.begins IS NULL;
                SELECT * INTO oldest FROM partitions.parts p WHERE p.of = table_name AND p.begins = first.ends AND p.ends IS NOT NULL;
                EXIT WHEN NOT FOUND OR partitions.time_of(oldest.ends) > at - keep;
                EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= %L)', oldest.name, of_table.kept_by, at - keep) INTO wanted;
                EXIT WHEN wanted;
                PERFORM partitions.hold(table_name, 3);
                -- Somebody else may have done it, or a row have come, until the lock was there.
                EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= %L)', oldest.name, of_table.kept_by, at - keep) INTO wanted;
                EXIT WHEN wanted;
                EXECUTE format('DROP TABLE %s', oldest.name);
                EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', table_name, first.name);
                EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (MINVALUE) TO (%L)', table_name, first.name, oldest.ends);
                dropped := dropped + 1;
            END LOOP;
            RETURN dropped;
        EXCEPTION WHEN undefined_table THEN
            RETURN 0;           -- dropped by somebody else in the same moment
        END
        $$;
        """;

    private const string Convert =
        """
        -- Where the first part ends: not so soon that it would pass while a migration is under way.
        CREATE FUNCTION partitions.first_border(days integer) RETURNS timestamptz LANGUAGE sql STABLE SET search_path = pg_catalog AS
        $$ SELECT partitions.beginning(now() + interval '1 day', days) + days * interval '24 hours' $$;

        CREATE FUNCTION partitions.prepare(table_name text, key text, days integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        DECLARE
            foreign_ids boolean;
            border uuid := partitions.first_id(partitions.first_border(days));
        BEGIN
            PERFORM partitions.hold(table_name, 100);
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS of_the_past', table_name);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= %L)', table_name, key, border) INTO foreign_ids;
            IF NOT foreign_ids THEN
                EXECUTE format('ALTER TABLE %s ADD CONSTRAINT of_the_past CHECK (%I < %L) NOT VALID', table_name, key, border);
            END IF;
        END
        $$;

        -- Reads the table, and holds nobody up.
        CREATE FUNCTION partitions.prove(table_name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        BEGIN
            IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = table_name::regclass AND conname = 'of_the_past') THEN
                EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT of_the_past', table_name);
            END IF;
        END
        $$;

        -- An identity is of one table and no part of it. Its sequence goes on under the same name.
        CREATE FUNCTION partitions.keep_numbers(table_name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        DECLARE
            numbered record;
            state record;
            reader record;
        BEGIN
            FOR numbered IN SELECT attname, pg_get_serial_sequence(table_name, attname) AS sequence
                FROM pg_attribute WHERE attrelid = table_name::regclass AND attidentity <> '' AND NOT attisdropped
            LOOP
                EXECUTE format('SELECT last_value, is_called FROM %s', numbered.sequence) INTO state;
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', table_name, numbered.attname);
                EXECUTE format('CREATE SEQUENCE %s', numbered.sequence);
                PERFORM setval(numbered.sequence, state.last_value, state.is_called);
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT nextval(%L)', table_name, numbered.attname, numbered.sequence);
                FOR reader IN SELECT DISTINCT grantee FROM pg_class, aclexplode(relacl) WHERE oid = table_name::regclass AND grantee <> relowner AND grantee <> 0 LOOP
                    EXECUTE format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %s TO %I', numbered.sequence, pg_get_userbyid(reader.grantee));
                END LOOP;
            END LOOP;
        END
        $$;

        CREATE FUNCTION partitions.convert(table_name text, key text, days integer, kept_by text, mark text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS
        $$
        DECLARE
            border uuid;
            old text := table_name || '_before';
            open text := table_name || '_open';
            allowed record;
        BEGIN
            PERFORM partitions.hold(table_name, 100);
            SELECT (regexp_match(pg_get_constraintdef(oid), '''([-0-9a-f]{36})'''))[1]::uuid INTO border
            FROM pg_constraint WHERE conrelid = table_name::regclass AND conname = 'of_the_past';
            border := coalesce(border, partitions.first_id(partitions.first_border(days)));
            PERFORM partitions.keep_numbers(table_name);

            EXECUTE format('ALTER TABLE %s RENAME TO %s', table_name, split_part(old, '.', 2));
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) PARTITION BY RANGE (%I)', table_name, old, key);
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS of_the_past', table_name);
            EXECUTE format('COMMENT ON TABLE %s IS %L', table_name,
                concat(nullif(mark, '') || ', ', 'partitioned by ', key, ', ', days, ' days', ', dropped by ' || nullif(kept_by, '')));
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', open, table_name);
            PERFORM partitions.move(old, open, format('%I >= %L', key, border));
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (MINVALUE) TO (%L)', table_name, old, border);
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (MAXVALUE)', table_name, open, border);
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS of_the_past', old);
            -- Services of the version before are at work, and rights are granted after the last migration.
            FOR allowed IN SELECT DISTINCT grantee, privilege_type FROM pg_class, aclexplode(relacl) WHERE oid = old::regclass AND grantee <> relowner AND grantee <> 0 LOOP
                EXECUTE format('GRANT %s ON %s TO %I', allowed.privilege_type, table_name, pg_get_userbyid(allowed.grantee));
            END LOOP;
        END
        $$;
        """;
}
