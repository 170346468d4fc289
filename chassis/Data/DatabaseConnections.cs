using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Chassis.Data;

/// <summary>The connections that a service is configured with.</summary>
public static class DatabaseConnections
{
    /// <summary>
    /// Configuration key of the connection that serves requests. Its password may stand apart, as <c>Database:Password</c>: there it may hold any character.
    /// </summary>
    public const string RuntimeConnection = "Database";

    /// <summary>
    /// Configuration key of the connection that owns the schema, its password perhaps as <c>Migrations:Password</c>; without it the runtime connection
    /// migrates.
    /// </summary>
    public const string MigrationsConnection = "Migrations";

    /// <summary>The password of the connection that serves requests; empty where the server asks for none.</summary>
    internal static string RuntimePassword(IConfiguration configuration) => configuration[$"{RuntimeConnection}:Password"] is { Length: > 0 } password
        ? password
        : new NpgsqlConnectionStringBuilder(configuration.GetConnectionString(RuntimeConnection)).Password ?? string.Empty;

    internal static NpgsqlDataSource CreateDataSource(IConfiguration configuration, string name)
    {
        if (configuration.GetConnectionString(name) is null)
        {
            name = RuntimeConnection;
        }

        var builder = new NpgsqlDataSourceBuilder(
            configuration.GetConnectionString(name) ?? throw new InvalidOperationException($"ConnectionStrings__{RuntimeConnection} is not set."));
        if (configuration[$"{name}:Password"] is { Length: > 0 } password)
        {
            builder.ConnectionStringBuilder.Password = password;
        }

        if (builder.ConnectionStringBuilder.MaxAutoPrepare == 0)
        {
            // A service runs the same few statements again and again: parsing and planning them each time costs more than running them.
            builder.ConnectionStringBuilder.MaxAutoPrepare = 100;
        }

        FollowPrimary(builder.ConnectionStringBuilder);

        // Nobody leaves anything behind in a session (locks and settings are those of transactions), so that there is nothing to reset between two users of
        // one.
        builder.ConnectionStringBuilder.NoResetOnClose = true;
        builder.Name = builder.ConnectionStringBuilder.Database;        // in metrics, which would show the connection string
        return builder.Build();
    }

    /// <summary>
    /// Of several servers (<c>Host=one,two</c>) the one that takes writes, whichever it is just now. What each of them is, is remembered for a moment only: a
    /// copy that takes over is found that soon. ADR: docs/adr/0043-a-database-that-fails-over.md.
    /// </summary>
    private static void FollowPrimary(NpgsqlConnectionStringBuilder connection)
    {
        if (connection.Host?.Contains(',', StringComparison.Ordinal) is not true)
        {
            return;
        }

        connection.TargetSessionAttributes ??= "primary";
        if (!connection.ShouldSerialize("Host Recheck Seconds"))
        {
            connection.HostRecheckSeconds = 1;
        }
    }

    internal static DbContextOptionsBuilder Configure(DbContextOptionsBuilder options, NpgsqlDataSource dataSource) => options
        .UseNpgsql(dataSource)
        .AddInterceptors(WithoutSavepoints.Instance, AfterCommit.Interceptor.Instance)
        // Migrations are SQL and have no model snapshot; a test compares model and schema instead.
        .ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning));
}
