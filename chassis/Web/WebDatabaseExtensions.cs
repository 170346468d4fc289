using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Chassis.Web;

public static class WebDatabaseExtensions
{
    /// <summary>
    /// Registers the service's database (<see cref="DatabaseExtensions.AddPostgres"/>), and what of HTTP is kept there: answers by their idempotency keys, and
    /// the audit.
    /// </summary>
    public static void AddDatabase<TDbContext>(this IHostApplicationBuilder builder)
        where TDbContext : DbContext
    {
        builder.AddPostgres<TDbContext>();
        var services = builder.Services;
        services.AddSingleton<IdempotencySecret>();
        services.AddHostedService<IdempotencySweep>();
        services.AddSettings<StoredAnswersSettings>(StoredAnswersSettings.Section);
        services.AddSingleton<StoredAnswersQuota>();
        services.AddHttpContextAccessor();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<IAuditedCommit>(provider => provider.GetRequiredService<AuditTrail>());
        services.AddScoped<AuthenticationEvents>();
        services.AddSingleton<IInterceptor, AuditInterceptor>();
    }
}
