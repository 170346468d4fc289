using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>How much one caller may have under way at a time, so that nobody takes all connections and all of the database's.</summary>
internal sealed class ConcurrencyLimit(RequestDelegate next, IOptions<RateLimitSettings> settings)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    private readonly Places? _places = settings.Value is { Permits: > 0, Concurrent: > 0 and var most } ? new Places(most) : null;

    public async Task InvokeAsync(HttpContext context)
    {
        if (_places is null || !RateLimiting.IsLimited(context))
        {
            await next(context);
            return;
        }

        using var place = _places.TryTake(RateLimiting.Caller(context))
            ?? throw ProblemException.TooMany("too_many_at_once", $"A caller may have {settings.Value.Concurrent} requests under way at a time.", Soon);
        await next(context);
    }
}
