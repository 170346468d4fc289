using Npgsql;

namespace Chassis.Testing;

/// <summary>A fresh database, and a login that owns nothing in it, as in production. Both are dropped at the end.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string name;

    private TestDatabase(string name)
    {
        this.name = name;
        Migrations = With(TestServers.Postgres, b => b.Database = name);
        Runtime = With(Migrations, b => (b.Username, b.Password, b.MaxPoolSize) = (name, name, 30));
    }

    /// <summary>Connection of the owner of the schema.</summary>
    public string Migrations { get; }

    /// <summary>Connection of the service: it has no rights but those that migrations grant.</summary>
    public string Runtime { get; }

    public static async Task<TestDatabase> CreateAsync()
    {
        var database = new TestDatabase($"test_{Guid.CreateVersion7():n}");
        await AdministerAsync($"CREATE DATABASE {database.name}");
        await AdministerAsync($"CREATE ROLE {database.name} LOGIN PASSWORD '{database.name}' NOSUPERUSER NOCREATEDB NOCREATEROLE");
        return database;
    }

    /// <summary>Runs a statement as the owner.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Reads one value as the owner.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connectionString in (string[])[Runtime, Migrations])
        {
            await using var connection = new NpgsqlConnection(connectionString);
            NpgsqlConnection.ClearPool(connection);
        }

        await AdministerAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        await AdministerAsync($"DROP ROLE IF EXISTS {name}");
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
}
