using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Web;

/// <summary>The reference page at <c>/docs</c>: one file of our own that renders the OpenAPI document, with nothing from elsewhere.</summary>
internal static class ApiReference
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    private static readonly byte[] Html = Read();

    public static void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGet("/docs", (HttpContext context) =>
    {
        context.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        return Results.Bytes(Html, "text/html; charset=utf-8");
    }).AllowAnonymous().ExcludeFromDescription();

    private static byte[] Read()
    {
        using var stream = typeof(ApiReference).Assembly.GetManifestResourceStream("docs.html")!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
