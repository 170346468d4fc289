using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Web;

/// <summary><c>{"status": "healthy", "checks": {"database": {"status", "detail", "milliseconds"}}}</c></summary>
internal static class HealthAnswer
{
    public static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        if (report.Status == HealthStatus.Unhealthy)
        {
            context.Response.Headers.RetryAfter = "5";
        }

        return context.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            status = Name(report.Status),
            checks = report.Entries.ToDictionary(
                e => e.Key,
                e => new { status = Name(e.Value.Status), detail = e.Value.Description, milliseconds = Math.Round(e.Value.Duration.TotalMilliseconds, 1) }),
        }));
    }

    private static string Name(HealthStatus status) => status.ToString().ToLowerInvariant();
}
