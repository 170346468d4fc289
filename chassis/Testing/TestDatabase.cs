using Chassis.Data;
using Npgsql;

namespace Chassis.Testing;

/// <summary>
/// A fresh database, a login that owns it and may nothing else, and one that owns nothing in it: as in production. All are dropped at the end.
/// </summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _name;

    private TestDatabase(string name)
    {
        this._name = name;
        Administration = With(TestServers.Postgres, b => b.Database = name);
        Migrations = With(Administration, b => (b.Username, b.Password) = (Owner, Password));
        Runtime = With(Administration, b => (b.Username, b.Password, b.MaxPoolSize) = (name, Password, 30));
    }

    // Without the word that makes a password one of development.
    private string Password => _name["test_".Length..];

    private string Owner => $"{_name}_owner";

    /// <summary>Connection of a superuser: for tests that look, hold and hurt.</summary>
    public string Administration { get; }

    /// <summary>Connection of the owner of the schema.</summary>
    public string Migrations { get; }

    /// <summary>Connection of the service: it has no rights but those that migrations grant.</summary>
    public string Runtime { get; }

    public static async Task<TestDatabase> CreateAsync()
    {
        var database = Planned();
        await database.ProvisionAsync();
        return database;
    }

    /// <summary>The name and the connections of a database that <see cref="ProvisionAsync"/> makes later.</summary>
    public static TestDatabase Planned() => new($"test_{Guid.CreateVersion7():n}");

    public async Task ProvisionAsync()
    {
        foreach (var role in (string[])[_name, Owner])
        {
            await AdministerAsync($"CREATE ROLE {role} LOGIN PASSWORD '{Password}' NOSUPERUSER NOCREATEDB NOCREATEROLE");
        }

        // Its three hundred files are copied as they are: through the log, as is usual, takes three times as long.
        await AdministerAsync($"CREATE DATABASE {_name} OWNER {Owner} STRATEGY file_copy");
        Evidence.Offer(this, LookAsync);
    }

    /// <summary>Runs a statement as a superuser.</summary>
    public Task ExecuteAsync(string sql) => ExecuteAsync(Administration, sql);

    /// <summary>Runs a statement as the owner: what it makes is the owner's.</summary>
    public Task ExecuteAsOwnerAsync(string sql) => ExecuteAsync(Migrations, sql);

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Nobody can use the database until what is returned is disposed of, and whoever does is thrown out: as if it were away.</summary>
    public async Task<IAsyncDisposable> CutOffAsync()
    {
        await AdministerAsync($"ALTER DATABASE {_name} ALLOW_CONNECTIONS false");
        await AdministerAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_name}'");
        return new Cut(_name);
    }

    /// <summary>Reads one value as a superuser.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Administration);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Tables of every schema that contain a text, readable or as bytes: what a search through a dump would find.</summary>
    public async Task<IReadOnlyList<string>> FindAsync(string text)
    {
        await using var connection = new NpgsqlConnection(Administration);
        await connection.OpenAsync();
        var tables = new List<string>();
        await using (var list = new NpgsqlCommand(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            """,
            connection))
        {
            await using var reader = await list.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                tables.Add(reader.GetString(0));
            }
        }

        var found = new List<string>();
        foreach (var table in tables)
        {
            await using var search = new NpgsqlCommand(
                $"SELECT count(*) FROM {table} t WHERE position(lower($1) IN lower(t::text)) > 0 OR position(encode(convert_to($1, 'UTF8'), 'hex') IN t::text) > 0",
                connection);
            search.Parameters.AddValue(text);
            if ((long)(await search.ExecuteScalarAsync())! > 0)
            {
                found.Add(table);
            }
        }

        return found;
    }

    /// <summary>How many sessions wait for a lock of this one, or for one that does.</summary>
    /// <param name="holder">The session's <see cref="NpgsqlConnection.ProcessID"/>.</param>
    public Task<long> WaitersBehindAsync(int holder) => ScalarAsync<long>(
        $"""
        WITH RECURSIVE waiting AS (SELECT pid, pg_blocking_pids(pid) AS behind FROM pg_stat_activity WHERE wait_event_type = 'Lock'),
            queue AS (SELECT pid FROM waiting WHERE {holder} = ANY (behind) UNION SELECT w.pid FROM waiting w JOIN queue q ON q.pid = ANY (w.behind))
        SELECT count(*) FROM queue
        """);

    public async ValueTask DisposeAsync()
    {
        Evidence.Withdraw(this);
        foreach (var connectionString in (string[])[Runtime, Migrations, Administration])
        {
            await using var connection = new NpgsqlConnection(connectionString);
            NpgsqlConnection.ClearPool(connection);
        }

        await AdministerAsync($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
        await AdministerAsync($"DROP ROLE IF EXISTS {_name}, {Owner}");
    }

    // What waits to be sent, what nobody could handle, and who holds what.
    private async Task<IEnumerable<string>> LookAsync()
    {
        var messages = await ScalarAsync<bool>("SELECT to_regclass('messaging.outbox') IS NOT NULL")
            ? """
              SELECT E'\noutbox ' || (to_jsonb(o) - 'body' - 'headers')::text FROM (SELECT * FROM messaging.outbox LIMIT 8) o
              UNION ALL SELECT E'\ndead letter ' || (to_jsonb(d) - 'body' - 'headers')::text FROM (SELECT * FROM messaging.dead_letters LIMIT 4) d
              UNION ALL SELECT E'\n' || (SELECT count(*) FROM messaging.inbox) || ' in the inbox, ' || (SELECT count(*) FROM messaging.outbox) || ' in the outbox'
              UNION ALL
              """
            : "";
        var lines = await ScalarAsync<string>(
            $"""
            SELECT coalesce(string_agg(line, ''), '') FROM (
              {messages}
              SELECT concat_ws(' ', E'\nsession', pid, application_name, state, wait_event_type, wait_event, now() - xact_start, left(regexp_replace(query, '\s+', ' ', 'g'), 120))
              FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle') AS found(line)
            """);
        return lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => $"{_name}: {line}");
    }

    private static async Task AdministerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(With(TestServers.Postgres, b => (b.Database, b.Pooling) = ("postgres", false)));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static string With(string connectionString, Action<NpgsqlConnectionStringBuilder> change)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        change(builder);
        return builder.ConnectionString;
    }

    private sealed class Cut(string name) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await AdministerAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    }
}
