using System.Diagnostics;
using Chassis.Testing;
using Npgsql;

namespace Provisioning.Tests;

/// <summary>What <c>deploy/postgres</c> makes for a service, tried on a real server under names of the test's own.</summary>
public sealed class A_services_database(Databases databases) : IClassFixture<Databases>
{
    private readonly string _service = databases.Service;
    private readonly string _neighbour = databases.Neighbour;

    [Theory]
    [InlineData("CREATE TABLE more (id int)")]
    [InlineData("CREATE SCHEMA more")]
    [InlineData("DROP TABLE things")]
    [InlineData("SELECT * FROM things")]
    [InlineData("CREATE DATABASE more")]
    [InlineData("CREATE ROLE more")]
    [InlineData("SELECT pg_read_file('/etc/passwd')")]
    [InlineData("SELECT rolpassword FROM pg_authid")]
    public async Task Gives_its_runtime_role_nothing_that_migrations_have_not_granted(string sql) =>
        (await RefusedAsync(Databases.Connection(_service, _service), sql)).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);

    [Theory]
    [InlineData("log_error_verbosity", "terse")]
    [InlineData("log_min_error_statement", "panic")]
    [InlineData("log_parameter_max_length", "0")]
    [InlineData("log_parameter_max_length_on_error", "0")]
    public void Is_on_a_server_that_writes_no_values_into_its_log(string setting, string value) =>
        File.ReadAllLines(Repository.PathOf("deploy/postgres/postgresql.conf")).ShouldContain(
            $"{setting} = {value}", "both run modes read this file, and the same addresses would be in both logs.");

    [Theory]
    [InlineData("")]
    [InlineData("_migrator")]
    public async Task Is_closed_to_its_neighbours(string role)
    {
        (await RefusedAsync(Databases.Connection(_neighbour + role, _service), "SELECT 1")).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
        (await RefusedAsync(Databases.Connection(_service + role, _neighbour), "SELECT 1")).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
        (await RefusedAsync(Databases.Connection(_service + role, "postgres"), "SELECT 1")).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Theory]
    [InlineData("CREATE DATABASE more")]
    [InlineData("CREATE ROLE more")]
    [InlineData("COPY things TO PROGRAM 'cat'")]
    public async Task Gives_its_owner_the_schema_and_not_the_server(string sql) =>
        (await RefusedAsync(Databases.Connection($"{_service}_migrator", _service), sql)).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);

    private static async Task<string?> RefusedAsync(string connectionString, string sql)
    {
        try
        {
            await Databases.RunAsync(connectionString, sql);
            return null;
        }
        catch (PostgresException e)
        {
            return e.SqlState;
        }
    }
}

/// <summary>Two services' databases, as the provisioning makes them.</summary>
public sealed class Databases : LazyFixture
{
    private string? _administrator;

    public string Service { get; } = $"test_{Guid.CreateVersion7():n}";

    public string Neighbour { get; } = $"test_{Guid.CreateVersion7():n}";

    public override async ValueTask InitializeAsync()
    {
        _administrator = new NpgsqlConnectionStringBuilder(TestServers.Postgres) { Database = "postgres", Pooling = false }.ConnectionString;
        await ProvisionAsync(Service);
        await ProvisionAsync(Neighbour);

        // Twice is harmless: it runs at every start.
        await ProvisionAsync(Service);
        await RunAsync(Connection($"{Service}_migrator", Service), "CREATE TABLE things (id int); CREATE SCHEMA messaging");
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var name in _administrator is null ? [] : (string[])[Service, Neighbour])
        {
            await RunAsync(_administrator!, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            await RunAsync(_administrator!, $"DROP ROLE IF EXISTS {name}");
            await RunAsync(_administrator!, $"DROP ROLE IF EXISTS {name}_migrator");
        }
    }

    internal static string Connection(string role, string database) =>
        new NpgsqlConnectionStringBuilder(TestServers.Postgres)
        {
            Username = role, Password = "test-password", Database = database, Pooling = false,
        }.ConnectionString;

    internal static async Task RunAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task ProvisionAsync(string name)
    {
        var server = new NpgsqlConnectionStringBuilder(TestServers.Postgres);
        var start = new ProcessStartInfo("psql")
        {
            ArgumentList =
            {
                "--quiet", "--no-psqlrc", "--host", server.Host!, "--port", $"{server.Port}", "--username", server.Username!, "--dbname", "postgres",
                "--set", $"service={name}", "--set", "password=test-password", "--set", "migrator_password=test-password",
                "--file", Repository.PathOf("deploy/postgres/provision.sql"),
            },
            Environment = { ["PGPASSWORD"] = server.Password },
        };
        var (exitCode, output) = await Outsiders.RunAsync(start);
        exitCode.ShouldBe(0, output);
    }
}
