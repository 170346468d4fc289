using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Chassis.Data;

public static class DatabaseExtensions
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

    /// <summary>
    /// Registers the service's database: an <see cref="NpgsqlDataSource"/>, a scoped <typeparamref name="TDbContext"/> (also as <see cref="DbContext"/>)
    /// with every registered <see cref="IInterceptor"/>, its migrations, and its health. Contexts are pooled: building one costs more than a short transaction.
    /// </summary>
    public static void AddPostgres<TDbContext>(this IHostApplicationBuilder builder)
        where TDbContext : DbContext
    {
        var services = builder.Services;
        services.TryAddSingleton(provider => CreateDataSource(provider.GetRequiredService<IConfiguration>(), RuntimeConnection));
        services.AddDbContextPool<TDbContext>((provider, options) =>
            Configure(options, provider.GetRequiredService<NpgsqlDataSource>()).AddInterceptors(provider.GetServices<IInterceptor>()));
        services.TryAddScoped<DbContext>(provider => provider.GetRequiredService<TDbContext>());
        services.AddSingleton<DatabaseMigrator<TDbContext>>();
        services.AddSingleton<IDatabaseMigrator, PoolerCheck>();
        services.AddSingleton<IDatabaseMigrator>(provider => provider.GetRequiredService<DatabaseMigrator<TDbContext>>());
        services.AddSettings<AuditSettings>(AuditSettings.Section);
        services.AddSingleton<AuditSweep>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditSweep>());
        services.TryAddSingleton<IAuditedCommit, UnauditedCommit>();
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            "database", provider => new DatabaseHealthCheck(provider.GetRequiredService<DatabaseMigrator<TDbContext>>()), HealthStatus.Unhealthy, ["ready"]));
    }

    /// <summary>Joins the transaction that is open on this context, for example by an idempotency key, or begins one.</summary>
    public static async Task<JoinedTransaction> BeginOrJoinAsync(this DbContext db, CancellationToken ct) =>
        db.Database.CurrentTransaction is null
            ? new JoinedTransaction(await db.Database.BeginTransactionAsync(ct))
            : new JoinedTransaction(null);

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

        // Nobody leaves anything behind in a session (locks and settings are those of transactions), so that there is nothing to reset between two users of
        // one.
        builder.ConnectionStringBuilder.NoResetOnClose = true;
        return builder.Build();
    }

    internal static DbContextOptionsBuilder Configure(DbContextOptionsBuilder options, NpgsqlDataSource dataSource) => options
        .UseNpgsql(dataSource)
        .AddInterceptors(WithoutSavepoints.Instance)
        // Migrations are SQL and have no model snapshot; a test compares model and schema instead.
        .ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning));
}

/// <summary>A transaction, or a share in the one of somebody further out, who then decides about it.</summary>
public sealed class JoinedTransaction(IDbContextTransaction? own) : IAsyncDisposable
{
    /// <summary>Commits, when this is the outermost.</summary>
    public Task CommitAsync(CancellationToken ct) => own?.CommitAsync(ct) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => own?.DisposeAsync() ?? ValueTask.CompletedTask;
}
