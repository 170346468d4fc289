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
    /// Registers the service's database: an <see cref="NpgsqlDataSource"/>, a scoped <typeparamref name="TDbContext"/> (also as <see cref="DbContext"/>)
    /// with every registered <see cref="IInterceptor"/>, its migrations, and its health. Contexts are pooled: building one costs more than a short transaction.
    /// </summary>
    public static void AddPostgres<TDbContext>(this IHostApplicationBuilder builder)
        where TDbContext : DbContext
    {
        var services = builder.Services;
        services.TryAddSingleton(
            provider => DatabaseConnections.CreateDataSource(provider.GetRequiredService<IConfiguration>(), DatabaseConnections.RuntimeConnection));
        services.AddDbContextPool<TDbContext>((provider, options) =>
            DatabaseConnections.Configure(options, provider.GetRequiredService<NpgsqlDataSource>()).AddInterceptors(provider.GetServices<IInterceptor>()));
        services.TryAddScoped<DbContext>(provider => provider.GetRequiredService<TDbContext>());
        services.AddSingleton<DatabaseMigrator<TDbContext>>();
        services.AddSingleton<IDatabaseMigrator, PoolerCheck>();
        services.AddSingleton<IDatabaseMigrator>(provider => provider.GetRequiredService<DatabaseMigrator<TDbContext>>());
        services.AddSettings<AuditSettings>(AuditSettings.Section);
        services.AddSingleton<AuditSweep>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditSweep>());
        services.AddSingleton<PartitionMetrics>();
        services.AddSingleton<PartitionsAhead>();
        services.AddHostedService(provider => provider.GetRequiredService<PartitionsAhead>());
        services.TryAddSingleton<IAuditedCommit, UnauditedCommit>();
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            "database", provider => new DatabaseHealthCheck(provider.GetRequiredService<DatabaseMigrator<TDbContext>>()), HealthStatus.Unhealthy, ["ready"]));
    }

    /// <summary>Joins the transaction that is open on this context, for example by an idempotency key, or begins one.</summary>
    public static async Task<JoinedTransaction> BeginOrJoinAsync(this DbContext db, CancellationToken ct) =>
        db.Database.CurrentTransaction is null
            ? new JoinedTransaction(await db.Database.BeginTransactionAsync(ct))
            : new JoinedTransaction(null);
}

/// <summary>A transaction, or a share in the one of somebody further out, who then decides about it.</summary>
public sealed class JoinedTransaction(IDbContextTransaction? own) : IAsyncDisposable
{
    /// <summary>Commits, when this is the outermost.</summary>
    public Task CommitAsync(CancellationToken ct) => own?.CommitAsync(ct) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => own?.DisposeAsync() ?? ValueTask.CompletedTask;
}
