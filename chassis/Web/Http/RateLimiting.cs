using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Threading.RateLimiting;
using Chassis.Redis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>How many requests one caller may make. Section <c>RateLimit</c>.</summary>
public sealed record RateLimitSettings : IForDevelopment
{
    public const string Section = "RateLimit";

    /// <summary>Requests per window; 0 switches the limit off.</summary>
    [Range(0, 10_000_000)]
    public int Permits { get; init; } = 600;

    /// <summary>Length of the window in seconds.</summary>
    [Range(1, 3600)]
    public int WindowSeconds { get; init; } = 10;

    /// <summary>
    /// Requests per minute to what is costly and open to everybody, such as signing in: a password takes a processor for a good while. 0 for none of its own.
    /// </summary>
    [Range(0, 10_000_000)]
    public int CostlyPerMinute { get; init; } = 60;

    /// <summary>Requests under way at a time, open streams among them; 0 for no limit.</summary>
    [Range(0, 1_000_000)]
    public int Concurrent { get; init; } = 100;

    /// <summary>Ten times the defaults, or no limit at all: that is for load tests.</summary>
    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        var usual = new RateLimitSettings();
        return
            from limit in new[]
            {
                (Setting: nameof(Permits), Allowed: (double)Permits / WindowSeconds, Usual: (double)usual.Permits / usual.WindowSeconds),
                (Setting: nameof(CostlyPerMinute), Allowed: CostlyPerMinute, Usual: usual.CostlyPerMinute),
                (Setting: nameof(Concurrent), Allowed: Concurrent, Usual: usual.Concurrent),
            }
            where limit.Allowed is 0 || limit.Allowed >= 10 * limit.Usual
            select (limit.Setting, "the limit of load tests");
    }
}

/// <summary>Marks what is costly and open to everybody.</summary>
internal sealed class IsCostlyMetadata;

public static class RateLimitingExtensions
{
    /// <summary>Has the limit of what is costly and open to everybody, beside the general one.</summary>
    public static TBuilder IsCostly<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new IsCostlyMetadata());
}

/// <summary>
/// A fixed window per caller (the token's subject, else the address), announced in <c>RateLimit</c> headers; a second one for what is costly. All replicas
/// count together where they share a Redis, and each for itself where there is none, or it is away.
/// </summary>
internal static class RateLimiting
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public static void Configure(RateLimiterOptions options, IOptions<RateLimitSettings> settings, TimeProvider clock, IServiceProvider services)
    {
        if (settings.Value.Permits == 0)
        {
            return;
        }

        var shared = services.GetService<SharedCounts>();
        options.GlobalLimiter = Windows("requests", settings.Value.Permits, TimeSpan.FromSeconds(settings.Value.WindowSeconds), IsLimited, clock, shared);
        options.OnRejected = (rejected, _) => throw TooMany(Announce(rejected.HttpContext, 0));
        if (settings.Value.CostlyPerMinute > 0)
        {
            options.GlobalLimiter = PartitionedRateLimiter.CreateChained(
                options.GlobalLimiter, Windows("costly-requests", settings.Value.CostlyPerMinute, Minute, IsCostly, clock, shared));
            options.OnRejected = (rejected, _) => throw TooMany(IsCostly(rejected.HttpContext) ? Minute : Announce(rejected.HttpContext, 0));
        }
    }

    /// <summary>Tells a caller who was let in what is left.</summary>
    public static Task AnnounceAsync(HttpContext context, RequestDelegate next)
    {
        if (IsLimited(context)
            && context.RequestServices.GetRequiredService<IOptions<RateLimiterOptions>>().Value.GlobalLimiter?.GetStatistics(context) is { } left)
        {
            Announce(context, left.CurrentAvailablePermits);
        }

        return next(context);
    }

    private static ProblemException TooMany(TimeSpan retryAfter) => ProblemException.TooMany("too_many_requests", "Too many requests. Slow down.", retryAfter);

    // Windows begin for everybody at the same moments, so that a caller can be told when: a limiter serves one caller in one window.
    private static PartitionedRateLimiter<HttpContext> Windows(
        string what, int permits, TimeSpan length, Func<HttpContext, bool> isLimited, TimeProvider clock, SharedCounts? shared)
    {
        var window = new FixedWindowRateLimiterOptions { PermitLimit = permits, Window = length, AutoReplenishment = false };
        return PartitionedRateLimiter.Create<HttpContext, (string Caller, long Window)>(context =>
            !isLimited(context) ? RateLimitPartition.GetNoLimiter(("", 0L))
            : shared is null ? RateLimitPartition.GetFixedWindowLimiter(Key(context), _ => window)
            : RateLimitPartition.Get<(string Caller, long Window)>(Key(context), key => new SharedWindow(shared, what, key.Caller, key.Window, window)));

        (string, long) Key(HttpContext context) => (Caller(context), clock.GetUtcNow().Ticks / length.Ticks);
    }

    private static bool IsCostly(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<IsCostlyMetadata>() is not null;

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

    public static string Caller(HttpContext context) => context.User.FindFirst(Claims.Subject)?.Value ?? CallerNetwork.Of(context.Connection.RemoteIpAddress);

    public static bool IsLimited(HttpContext context) =>
        context.GetEndpoint() is RouteEndpoint endpoint && endpoint.Metadata.GetMetadata<DisableRateLimitingAttribute>() is null;
}
