using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
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
internal sealed class RateLimitMiddleware(RequestDelegate next, IOptions<RateLimitSettings> options, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, Window> windows = new(StringComparer.Ordinal);
    private readonly int permits = options.Value.Permits;
    private readonly TimeSpan length = TimeSpan.FromSeconds(options.Value.WindowSeconds);
    private long lastSwept;

    public Task InvokeAsync(HttpContext context)
    {
        if (permits == 0 || context.GetEndpoint() is not RouteEndpoint || context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal))
        {
            return next(context);
        }

        var number = clock.GetUtcNow().Ticks / length.Ticks;
        Sweep(number);
        var caller = context.User.FindFirst(Claims.Subject)?.Value ?? context.Connection.RemoteIpAddress?.ToString() ?? "-";
        var used = windows.AddOrUpdate(
            caller,
            static (_, now) => new Window(now, 1),
            static (_, window, now) => window.Number == now ? window with { Used = window.Used + 1 } : new Window(now, 1),
            number).Used;
        var reset = (int)Math.Ceiling(TimeSpan.FromTicks(((number + 1) * length.Ticks) - clock.GetUtcNow().Ticks).TotalSeconds);
        Announce(context.Response.Headers, Math.Max(0, permits - used), reset);
        return used <= permits
            ? next(context)
            : throw new ProblemException(StatusCodes.Status429TooManyRequests, "too_many_requests", "Too many requests. Slow down.")
            {
                RetryAfter = TimeSpan.FromSeconds(reset),
            };
    }

    private void Announce(IHeaderDictionary headers, int remaining, int reset)
    {
        headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";q={permits};w={(int)length.TotalSeconds}");
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";r={remaining};t={reset}");
    }

    private void Sweep(long number)
    {
        var last = Interlocked.Read(ref lastSwept);
        if (last == number || Interlocked.CompareExchange(ref lastSwept, number, last) != last)
        {
            return;
        }

        foreach (var (caller, window) in windows)
        {
            if (window.Number < number)
            {
                windows.TryRemove(new KeyValuePair<string, Window>(caller, window));
            }
        }
    }

    private sealed record Window(long Number, int Used);
}
