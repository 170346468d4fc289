using System.Globalization;
using System.Text.Encodings.Web;
using Chassis.Web;
using Microsoft.AspNetCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using Users.Tokens;
using Users.Tokens.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Users.Features;

/// <summary>
/// The page on which people sign in, and nowhere else. It keeps nothing in the browser: every authorization asks for the password, and what the client has asked for travels
/// through the form. The token server has looked at that before, each time.
/// </summary>
public sealed class Authorize(SignIn signIn, Sessions sessions, IOptions<UsersSettings> settings)
{
    private const string EmailField = "email", PasswordField = "password";

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapMethods("/connect/authorize", [HttpMethods.Get, HttpMethods.Post], Answer)
        .AllowAnonymous().IgnoreBearer().DisableAntiforgery().ExcludeFromDescription().WithName("Authorize");

    private static Task<IResult> Answer(HttpContext http, Authorize handler, CancellationToken cancellationToken) =>
        handler.Handle(http, http.GetOpenIddictServerRequest()!, cancellationToken);

    private async Task<IResult> Handle(HttpContext http, OpenIddictRequest request, CancellationToken cancellationToken)
    {
        if (request.HasPromptValue(PromptValues.None))
        {
            return Token.Refuse(Errors.LoginRequired, "Nobody is signed in here without being asked.");
        }

        var (email, password) = ((string?)request[EmailField], (string?)request[PasswordField]);
        if (!HttpMethods.IsPost(http.Request.Method) || IsFromElsewhere(http.Request) || email is null || password is null)
        {
            return Page(http, request, email ?? request.LoginHint, notice: null, StatusCodes.Status200OK);
        }

        try
        {
            var user = await signIn.VerifyAsync(email, password, request.ClientId!, http.Connection.RemoteIpAddress, cancellationToken);
            return user is not null && await sessions.BeginAsync(user, request.ClientId!, request.GetScopes(), cancellationToken) is { } principal
                ? Results.SignIn(principal, authenticationScheme: TokenServer.Scheme)
                : Page(http, request, email, "The e-mail address or the password is not right.", StatusCodes.Status400BadRequest);
        }
        catch (ProblemException e) when (e.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            var wait = e.RetryAfter is { } after ? string.Create(CultureInfo.InvariantCulture, $" Try again in {Math.Ceiling(after.TotalSeconds)} seconds.") : "";
            return Page(http, request, email, e.Message + wait, e.Status);
        }
    }

    // A page of somebody else's that signs people in as somebody else. What is no browser sends no such header, and has nobody to deceive.
    private static bool IsFromElsewhere(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none");

    private IResult Page(HttpContext http, OpenIddictRequest request, string? email, string? notice, int status)
    {
        var client = settings.Value.Clients.GetValueOrDefault(request.ClientId!)?.Name ?? request.ClientId!;
        var carried = request.GetParameters().Where(p => p.Key is not (EmailField or PasswordField))
            .Select(p => $"""<input type="hidden" name="{Encode(p.Key)}" value="{Encode((string?)p.Value)}">""");
        var target = new Uri(request.RedirectUri!);

        // Browsers hold the answer to a form to the same policy, and the answer sends them back to the client.
        var back = target.Scheme is "http" or "https" ? target.GetLeftPart(UriPartial.Authority) : $"{target.Scheme}:";
        http.Response.Headers.CacheControl = "no-store";
        return HtmlPage.Answer(
            http,
            $$"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Sign in</title>
            <style>
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
            </style>
            </head>
            <body>
            <main>
            <h1>Sign in</h1>
            <p>to continue to {{Encode(client)}}</p>
            {{(notice is null ? "" : $"""<div role="alert">{Encode(notice)}</div>""")}}
            <form method="post" action="/connect/authorize">
            {{string.Concat(carried)}}
            <label for="email">E-mail address</label>
            <input id="email" name="{{EmailField}}" type="email" autocomplete="username" required value="{{Encode(email)}}" {{(email is null ? "autofocus" : "")}}>
            <label for="password">Password</label>
            <input id="password" name="{{PasswordField}}" type="password" autocomplete="current-password" required {{(email is null ? "" : "autofocus")}}>
            <button>Sign in</button>
            </form>
            </main>
            </body>
            </html>
            """,
            $"'self' {back}",
            status);
    }

    private static string Encode(string? text) => HtmlEncoder.Default.Encode(text ?? "");
}
