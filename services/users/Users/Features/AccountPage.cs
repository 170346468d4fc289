using System.Text.Encodings.Web;
using Chassis.Web;

namespace Users.Features;

/// <summary>
/// The pages on which people sign in and mend their access, each whole in itself: a heading, a line, a notice perhaps, and what is asked for.
/// </summary>
internal static class AccountPage
{
    private const string Style =
        """
        :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
        body { display: grid; place-items: center; min-height: 100vh; margin: 0; background: light-dark(#f4f5f7, #16181d); color: light-dark(#1c1e21, #e8eaed); }
        main { width: min(22rem, calc(100vw - 3rem)); padding: 2rem; border-radius: .75rem; background: light-dark(#fff, #23262d); box-shadow: 0 1px 3px #0003; }
        h1 { margin: 0; font-size: 1.4rem; }
        label { display: block; margin-top: 1rem; font-size: .9rem; }
        input:not([type=hidden]) { box-sizing: border-box; width: 100%; padding: .6rem .7rem; border: 1px solid light-dark(#8a8f98, #6b7280); border-radius: .4rem; background: transparent; color: inherit; font: inherit; }
        button { width: 100%; margin-top: 1.5rem; padding: .7rem; border: 0; border-radius: .4rem; background: #1a56db; color: #fff; font: inherit; font-weight: 600; cursor: pointer; }
        :focus-visible { outline: 3px solid #6ea8fe; outline-offset: 1px; }
        [role=alert] { margin: 1rem 0 0; padding: .6rem .7rem; border-radius: .4rem; background: light-dark(#fde8e8, #5c1d1d); }
        p { margin: .25rem 0 0; color: light-dark(#50555e, #a6adba); }
        main > p:last-child { margin-top: 1.25rem; font-size: .9rem; }
        figure { margin: 1rem 0 0; } figure svg { display: block; width: 100%; border-radius: .4rem; }
        code { overflow-wrap: anywhere; } .codes { margin: 1rem 0 0; padding-left: 1.25rem; }
        a { color: light-dark(#1a56db, #8ab4f8); }
        """;

    /// <param name="http">The request.</param>
    /// <param name="title">The heading.</param>
    /// <param name="line">What stands below it.</param>
    /// <param name="body">HTML, everything in it that comes from elsewhere encoded.</param>
    /// <param name="notice">What went wrong; null when nothing has.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="formAction">Where its forms may lead beside here.</param>
    public static IResult Show(
        HttpContext http, string title, string line, string body, string? notice = null, int status = StatusCodes.Status200OK, string formAction = "")
    {
        http.Response.Headers.CacheControl = "no-store";
        return HtmlPage.Answer(
            http,
            $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Encode(title)}</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{Encode(title)}</h1>
            <p>{Encode(line)}</p>
            {(notice is null ? "" : $"""<div role="alert">{Encode(notice)}</div>""")}
            {body}
            </main>
            </body>
            </html>
            """,
            $"'self' {formAction}".TrimEnd(),
            status);
    }

    /// <summary>
    /// Whether a page of somebody else's has sent the form: browsers say so in Sec-Fetch-Site, and where they leave that out, as over plain HTTP, in Origin.
    /// What is no browser sends neither, and has nobody to deceive.
    /// </summary>
    public static bool IsFromElsewhere(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() switch
    {
        "" =>
            request.Headers.Origin.ToString() is { Length: > 0 } origin
                && !(Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == request.Host.Value),
        var site => site is not ("same-origin" or "none"),
    };

    public static string Encode(string? text) => HtmlEncoder.Default.Encode(text ?? "");
}
