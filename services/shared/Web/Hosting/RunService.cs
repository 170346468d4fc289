using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Web;

public static class RunService
{
    /// <summary>
    /// Runs the service. <c>--migrate</c> brings the database up to date and exits; <c>--health</c> asks the instance that is running here whether it is ready.
    /// </summary>
    /// <returns>The exit code of the process.</returns>
    public static async Task<int> RunServiceAsync(this WebApplication app, string[] args)
    {
        foreach (var migrator in app.Services.GetServices<IDatabaseMigrator>())
        {
            await migrator.MigrateAsync(CancellationToken.None);
        }

        if (args.Contains("--migrate"))
        {
            return 0;
        }

        await app.RunAsync();
        return 0;
    }
}
