using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.Data;

/// <summary>Makes the database ready for the code, at each start and before the service takes traffic; one after the other, as they are registered.</summary>
public interface IDatabaseMigrator
{
    /// <summary>Does what is left to do; nothing, where another replica has done it. Begun again when the database cannot be reached.</summary>
    Task MigrateAsync(CancellationToken ct);
}

/// <summary>Somebody else brings the database up to date, and has not done so yet.</summary>
public sealed class MigrationsMissingException(string message) : Exception(message);

internal static class DatabaseMigrator
{
    /// <summary>Configuration key; false where a process of its own migrates, with a password that the service does not have.</summary>
    public const string Setting = "Database:Migrate";
}

internal interface IPendingMigrations
{
    /// <summary>Migrations that this code has and the database has not.</summary>
    Task<IReadOnlyList<string>> PendingAsync(CancellationToken ct);
}

internal sealed partial class DatabaseMigrator<TDbContext>(
    IServiceProvider services, IConfiguration configuration, ILogger<DatabaseMigrator<TDbContext>> logger)
    : IDatabaseMigrator, IPendingMigrations
    where TDbContext : DbContext
{
    /// <summary>How long to wait for another replica's migrations before saying so and trying again, in seconds.</summary>
    private const int LongestTurn = 60;

    /// <summary>How long one statement of a migration may take.</summary>
    private static readonly TimeSpan LongestStatement = TimeSpan.FromHours(2);

    /// <summary>Applies what is missing, under EF Core's lock, as the owner of the schema, and grants the runtime role its rights.</summary>
    /// <exception cref="MigrationsMissingException">That is left to somebody else, who has not done it yet.</exception>
    public async Task MigrateAsync(CancellationToken ct)
    {
        if (!configuration.GetValue(DatabaseMigrator.Setting, true))
        {
            await RequireMigratedAsync(ct);
            return;
        }

        await using var dataSource = DatabaseConnections.CreateDataSource(configuration, DatabaseConnections.MigrationsConnection);
        var options = new DbContextOptionsBuilder<TDbContext>();
        DatabaseConnections.Configure(options, dataSource);
        await using var scope = services.CreateAsyncScope();
        await using var db = ActivatorUtilities.CreateInstance<TDbContext>(scope.ServiceProvider, options.Options);
        await using var turn = await TakeTurnAsync(dataSource, ct);

        var pending = (await db.Database.GetPendingMigrationsAsync(ct)).ToList();
        if (pending.Count > 0)
        {
            // What a migration has to say to people, such as rows that it left to them.
            ((NpgsqlConnection)db.Database.GetDbConnection()).Notice += (_, said) =>
            {
                if (said.Notice.InvariantSeverity == "WARNING")
                {
                    LogSaid(logger, said.Notice.MessageText);
                }
            };
            // A large table is read, and gets an index, beside all traffic.
            db.Database.SetCommandTimeout(LongestStatement);
            await db.Database.MigrateAsync(ct);
            LogMigrated(logger, string.Join(", ", pending));
        }

        await GrantAsync(dataSource, ct);
    }

    public async Task<IReadOnlyList<string>> PendingAsync(CancellationToken ct)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TDbContext>();
        return [.. await db.Database.GetPendingMigrationsAsync(ct)];
    }

    private async Task RequireMigratedAsync(CancellationToken ct)
    {
        // Rights are granted after the last migration, and asked for first: a statement that fails again and again until it may be run leaves Npgsql with a
        // connection that misreads its answer, once it prepares what is run often.
        await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(
            """
            SELECT coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) AND bool_or(c.relname = '__EFMigrationsHistory'), false)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            """);
        if (await command.ExecuteScalarAsync(ct) is not true)
        {
            throw new MigrationsMissingException(
                "The tables are not there, or this service has no rights on them yet. Run this program with --migrate, as the owner of the schema.");
        }

        if (await PendingAsync(ct) is { Count: > 0 } pending)
        {
            throw new MigrationsMissingException(
                $"Migrations are missing: {string.Join(", ", pending)}. Run this program with --migrate, as the owner of the schema.");
        }
    }

    /// <summary>
    /// Several replicas may start at once. EF Core's lock is held for one migration and let go between two, so that another replica can slip in and
    /// apply what this one has read as pending; and concurrent GRANTs on one object fail. This lock is held for all of it, until its connection ends.
    /// </summary>
    private static async Task<NpgsqlConnection> TakeTurnAsync(NpgsqlDataSource owner, CancellationToken ct)
    {
        var connection = await owner.OpenConnectionAsync(ct);
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_advisory_lock(hashtext('chassis.migrations'))", connection) { CommandTimeout = LongestTurn };
            await command.ExecuteNonQueryAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task GrantAsync(NpgsqlDataSource owner, CancellationToken ct)
    {
        var runtime = new NpgsqlConnectionStringBuilder(configuration.GetConnectionString(DatabaseConnections.RuntimeConnection)).Username;
        var migrations = new NpgsqlConnectionStringBuilder(owner.ConnectionString).Username;
        if (string.IsNullOrEmpty(runtime) || runtime == migrations)
        {
            return;
        }

        await using var command = owner.CreateCommand(RuntimeGrants.Sql);
        command.Parameters.AddValue(runtime);
        var statements = (string[])(await command.ExecuteScalarAsync(ct))!;
        await using var connection = await owner.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);

        foreach (var statement in statements)
        {
            await using var grant = new NpgsqlCommand(statement, connection, transaction);
            await grant.ExecuteNonQueryAsync(ct);
        }

        await transaction.CommitAsync(ct);
    }

    [LoggerMessage(1001, LogLevel.Information, "Database migrated: {Migrations}", EventName = "database.migrated")]
    private static partial void LogMigrated(ILogger logger, string migrations);

    [LoggerMessage(1002, LogLevel.Warning, "A migration says: {Text}", EventName = "database.migration_notice")]
    private static partial void LogSaid(ILogger logger, string text);
}

/// <summary>
/// What the runtime role may do: read and write rows, and only add to append-only tables. No DDL, and nothing with a partition but read it: a version that
/// knows of none asks for that of every table.
/// </summary>
internal static class RuntimeGrants
{
    /// <summary>Answers the statements to run for the role in <c>$1</c>.</summary>
    public const string Sql =
        $"""
        SELECT coalesce(array_agg(statement ORDER BY step, statement), ARRAY[]::text[]) FROM (
            SELECT 1 AS step, format('GRANT USAGE ON SCHEMA %I TO %I', nspname, $1) AS statement
            FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
            UNION ALL
            SELECT 2, format('REVOKE ALL ON %I.%I FROM %I', n.nspname, c.relname, $1)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm')
            UNION ALL
            SELECT 3, format('GRANT %s ON %I.%I TO %I',
                CASE
                    WHEN c.relispartition THEN 'SELECT'
                    WHEN c.relname = '__EFMigrationsHistory' THEN 'SELECT'
                    WHEN obj_description(c.oid, 'pg_class') LIKE '{MigrationBuilderExtensions.AppendOnlyMark}%' THEN 'SELECT, INSERT'
                    ELSE 'SELECT, INSERT, UPDATE, DELETE'
                END, n.nspname, c.relname, $1)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm')
            UNION ALL
            SELECT 4, format('GRANT USAGE, SELECT, UPDATE ON SEQUENCE %I.%I TO %I', n.nspname, c.relname, $1)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind = 'S'
        ) AS grants
        """;
}

internal sealed class DatabaseHealthCheck(IPendingMigrations migrations) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var pending = await migrations.PendingAsync(cancellationToken);
            return pending.Count == 0
                ? HealthCheckResult.Healthy("Reachable, migrations applied.")
                : HealthCheckResult.Unhealthy($"Migrations are missing: {string.Join(", ", pending)}.");
        }
        catch (Exception e) when (DatabaseFailure.Is(e) || e is InvalidOperationException)
        {
            return HealthCheckResult.Unhealthy("Not reachable.", e);
        }
    }
}
