using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>How many requests one caller may make. Section <c>RateLimit</c>.</summary>
public sealed record RateLimitSettings
{
    public const string Section = "RateLimit";

    /// <summary>Requests per window; 0 switches the limit off.</summary>
    [Range(0, 10_000_000)]
    public int Permits { get; init; } = 600;

    /// <summary>Length of the window in seconds.</summary>
    [Range(1, 3600)]
    public int WindowSeconds { get; init; } = 10;
}

/// <summary>A fixed window per caller (the token's subject, else the address), announced in <c>RateLimit</c> headers.</summary>
internal static class RateLimiting
{
    public static void Configure(RateLimiterOptions options, IOptions<RateLimitSettings> settings, TimeProvider clock)
    {
        if (settings.Value.Permits == 0)
        {
            return;
        }

        var length = TimeSpan.FromSeconds(settings.Value.WindowSeconds);
        var window = new FixedWindowRateLimiterOptions { PermitLimit = settings.Value.Permits, Window = length, AutoReplenishment = false };

        // Windows begin for everybody at the same moments, so that a caller can be told when: a limiter serves one caller in one window.
        options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, (string, long)>(context => IsLimited(context)
            ? RateLimitPartition.GetFixedWindowLimiter((Caller(context), clock.GetUtcNow().Ticks / length.Ticks), _ => window)
            : RateLimitPartition.GetNoLimiter(("", 0L)));
        options.OnRejected = (rejected, _) => throw new ProblemException(StatusCodes.Status429TooManyRequests, "too_many_requests", "Too many requests. Slow down.")
        {
            RetryAfter = Announce(rejected.HttpContext, 0),
        };
    }

    /// <summary>Tells a caller who was let in what is left.</summary>
    public static Task AnnounceAsync(HttpContext context, RequestDelegate next)
    {
        if (IsLimited(context) && context.RequestServices.GetRequiredService<IOptions<RateLimiterOptions>>().Value.GlobalLimiter?.GetStatistics(context) is { } left)
        {
            Announce(context, left.CurrentAvailablePermits);
        }

        return next(context);
    }

    /// <returns>How long until the next window.</returns>
    private static TimeSpan Announce(HttpContext context, long remaining)
    {
        var settings = context.RequestServices.GetRequiredService<IOptions<RateLimitSettings>>().Value;
        var length = TimeSpan.FromSeconds(settings.WindowSeconds).Ticks;
        var reset = TimeSpan.FromTicks(length - (context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().Ticks % length));
        var headers = context.Response.Headers;
        headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";q={settings.Permits};w={settings.WindowSeconds}");
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";r={remaining};t={(int)Math.Ceiling(reset.TotalSeconds)}");
        return reset;
    }

    private static string Caller(HttpContext context) => context.User.FindFirst(Claims.Subject)?.Value ?? context.Connection.RemoteIpAddress?.ToString() ?? "-";

    private static bool IsLimited(HttpContext context) =>
        context.GetEndpoint() is RouteEndpoint endpoint && endpoint.Metadata.GetMetadata<DisableRateLimitingAttribute>() is null;
}
