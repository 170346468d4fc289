using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Scalar.AspNetCore;

namespace Chassis.Web;

/// <summary>The reference page at <c>/docs</c>: Scalar, from its package alone. No other origin is asked for anything.</summary>
internal static class ApiReference
{
    /// <summary>Scalar answers <c>/docs</c> with a redirect to <c>/docs/</c>; here the page itself is at the address that everybody knows.</summary>
    public static Task RewriteAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path == "/docs")
        {
            context.Request.Path = "/docs/";
        }

        return next(context);
    }

    /// <summary>What one types first leads there, where the service has no page of its own for it.</summary>
    public static Task LeadFromRootAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path == "/" && HttpMethods.IsGet(context.Request.Method) && context.GetEndpoint() is null)
        {
            // Relative, for whoever has put the service behind a prefix.
            context.Response.Redirect("docs");
            return Task.CompletedTask;
        }

        return next(context);
    }

    public static void Map(IEndpointRouteBuilder endpoints, ServiceIdentity service) => endpoints.MapScalarApiReference("/docs/", (options, context) =>
    {
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        options.WithNonce(nonce).WithTitle($"{service.Name} API").AddHeadContent("<base href=\"/docs/\">")
            .DisableDefaultFonts().DisableTelemetry().DisableAgent().DisableMcp().HideClientButton().HideDeveloperTools().AddPreferredSecuritySchemes("bearer");

        // Scalar writes its styles at run time, some of them into attributes, for which there is neither a nonce nor a hash.
        context.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'none'";
    }).AllowAnonymous().ExcludeFromDescription();
}
