using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Web;

/// <summary>Pages that are whole in themselves.</summary>
public static partial class HtmlPage
{
    /// <summary>Serves a page to everybody, under a policy that lets its own inline styles and scripts through and nothing else: it is made from the page, and follows every change of it.</summary>
    public static void MapPage(this IEndpointRouteBuilder endpoints, string path, string html)
    {
        // Browsers hash what they have parsed, and parsing turns every line end into a line feed.
        html = html.ReplaceLineEndings("\n");
        var policy = $"default-src 'none'; style-src {Hashes("style")}; script-src {Hashes("script")}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        endpoints.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = policy;
            return TypedResults.Content(html, "text/html; charset=utf-8");
        }).AllowAnonymous().ExcludeFromDescription();

        string Hashes(string element) => string.Join(' ', InlineBlock().Matches(html).Where(m => m.Groups[1].Value == element)
            .Select(m => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(m.Groups[2].Value)))}'").DefaultIfEmpty("'none'"));
    }

    [GeneratedRegex("<(style|script)>(.*?)</\\1>", RegexOptions.Singleline)]
    private static partial Regex InlineBlock();
}
