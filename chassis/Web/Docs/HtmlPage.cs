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
    /// <summary>Serves a page to everybody, under the policy that it needs and no other.</summary>
    public static void MapPage(this IEndpointRouteBuilder endpoints, string path, string html)
    {
        var (page, policy) = WithPolicy(html, formAction: "'none'");
        endpoints.MapGet(path, (HttpContext context) => Write(context, page, policy, StatusCodes.Status200OK)).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Answers with a page that was made for this request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="html">The page, everything in it that comes from elsewhere encoded.</param>
    /// <param name="formAction">Where its forms may lead, and be sent on to: sources of a content security policy.</param>
    /// <param name="status">HTTP status.</param>
    public static IResult Answer(HttpContext context, string html, string formAction, int status)
    {
        var (page, policy) = WithPolicy(html, formAction);
        return Write(context, page, policy, status);
    }

    private static Microsoft.AspNetCore.Http.HttpResults.ContentHttpResult Write(HttpContext context, string page, string policy, int status)
    {
        context.Response.Headers.ContentSecurityPolicy = policy;
        return TypedResults.Content(page, "text/html; charset=utf-8", statusCode: status);
    }

    // Lets the page's own inline styles and scripts through and nothing else: the policy is made from the page, and follows every change of it.
    private static (string Page, string Policy) WithPolicy(string html, string formAction)
    {
        // Browsers hash what they have parsed, and parsing turns every line end into a line feed.
        html = html.ReplaceLineEndings("\n");
        return (html, $"default-src 'none'; style-src {Hashes("style")}; script-src {Hashes("script")}; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action {formAction}");

        string Hashes(string element) => string.Join(' ', InlineBlock().Matches(html).Where(m => m.Groups[1].Value == element)
            .Select(m => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(m.Groups[2].Value)))}'").DefaultIfEmpty("'none'"));
    }

    [GeneratedRegex("<(style|script)>(.*?)</\\1>", RegexOptions.Singleline)]
    private static partial Regex InlineBlock();
}
