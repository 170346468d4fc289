using Chassis.Web;
using Microsoft.Extensions.Options;

namespace ShopConsole.Layout;

/// <summary>
/// What a page may do in a browser: its own style sheet, its own script, its own forms, and nothing of anybody else's. What messages, names and reasons bring
/// along is text.
/// </summary>
internal sealed class PagePolicy(RequestDelegate next, IOptions<AuthenticationSettings> issuer)
{
    // Signing out is a form here, whose answer leads to the issuer.
    private readonly string _policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
            + $"frame-ancestors 'none'; form-action 'self' {new Uri(issuer.Value.ExpectedIssuer).GetLeftPart(UriPartial.Authority)}";

    public Task InvokeAsync(HttpContext context)
    {
        // What the chassis serves has a policy of its own by now: pages of the documentation.
        context.Response.OnStarting(() =>
        {
            if (context.Response.ContentType?.StartsWith("text/html", StringComparison.Ordinal) == true
                && !context.Request.Path.StartsWithSegments("/docs", StringComparison.Ordinal))
            {
                context.Response.Headers.ContentSecurityPolicy = _policy;
                context.Response.Headers.CacheControl = "no-store";
            }

            return Task.CompletedTask;
        });
        return next(context);
    }
}
