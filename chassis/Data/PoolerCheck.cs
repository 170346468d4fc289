using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Chassis.Data;

/// <summary>
/// Refuses a pooler (PgBouncer and the like) that hands out another session for each transaction: advisory locks of a session and prepared statements
/// would be lost without an error, some of them for ever. A pooler betrays itself by the process id that it announces, but not how it pools; that has to be
/// said.
/// </summary>
internal sealed class PoolerCheck(NpgsqlDataSource runtime, IConfiguration configuration) : IDatabaseMigrator
{
    /// <summary>Configuration key that says how the pooler pools; <c>session</c> is the one way that is supported.</summary>
    public const string Setting = "Database:Pooler";

    /// <exception cref="UnsuitableDatabaseException">There is a pooler, and nobody has said that it pools by sessions.</exception>
    public async Task MigrateAsync(CancellationToken ct)
    {
        if (configuration[Setting] == "session")
        {
            return;
        }

        await RequireSessionAsync(runtime, DatabaseConnections.RuntimeConnection, ct);
        if (configuration.GetConnectionString(DatabaseConnections.MigrationsConnection) is not null)
        {
            await using var owner = DatabaseConnections.CreateDataSource(configuration, DatabaseConnections.MigrationsConnection);
            await RequireSessionAsync(owner, DatabaseConnections.MigrationsConnection, ct);
        }
    }

    private static async Task RequireSessionAsync(NpgsqlDataSource dataSource, string name, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
        if ((int)(await command.ExecuteScalarAsync(ct))! != connection.ProcessID)
        {
            throw new UnsuitableDatabaseException(
                $"ConnectionStrings__{name} leads to a connection pooler, and this service needs sessions of its own. " +
                "Connect it to PostgreSQL itself (it pools connections); or let the pooler pool by sessions (pool_mode = session) and say so: Database__Pooler=session.");
        }
    }
}

/// <summary>The database is there and is not one that the service can work with; waiting does not help.</summary>
internal sealed class UnsuitableDatabaseException(string message) : Exception(message);
