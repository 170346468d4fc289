using System.Globalization;
using Chassis.Web;
using Microsoft.AspNetCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using Users.Tokens;
using Users.Tokens.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static Users.Features.AccountPage;

namespace Users.Features;

/// <summary>
/// The page on which people sign in, and nowhere else. It keeps nothing in the browser: every authorization asks for the password, and what the client has asked for travels
/// through the form. The token server has looked at that before, each time.
/// </summary>
public sealed class Authorize(SignIn signIn, Sessions sessions, ResetPassword resets, IOptions<UsersSettings> settings)
{
    private const string EmailField = "email", PasswordField = "password";

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapMethods("/connect/authorize", [HttpMethods.Get, HttpMethods.Post], Answer)
        .AllowAnonymous().IgnoreBearer().DisableAntiforgery().ExcludeFromDescription().WithName("Authorize");

    private static Task<IResult> Answer(HttpContext http, Authorize handler, CancellationToken cancellationToken) =>
        handler.Handle(http, http.GetOpenIddictServerRequest()!, cancellationToken);

    private async Task<IResult> Handle(HttpContext http, OpenIddictRequest request, CancellationToken cancellationToken)
    {
        // OAuth lets a client with one address leave it out; here it says where to, always.
        if (string.IsNullOrEmpty(request.RedirectUri))
        {
            return Show(http, "Sign in", "The page that has sent you here has not said where to send you back to (redirect_uri).", "", status: StatusCodes.Status400BadRequest);
        }

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
            if (user is { PasswordIsInitial: true })
            {
                return await resets.BeginAsync(user, cancellationToken) is { } page
                    ? Show(http, "Choose a password of your own", "Somebody else has chosen the one of now. Sign in with yours afterwards.", $"""<p><a href="{Encode(page)}">Choose a password</a></p>""")
                    : Page(http, request, email, "Choosing another password was begun several times. Try again in half an hour.", StatusCodes.Status429TooManyRequests);
            }

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

    private IResult Page(HttpContext http, OpenIddictRequest request, string? email, string? notice, int status)
    {
        var client = settings.Value.Clients.GetValueOrDefault(request.ClientId!)?.Name ?? request.ClientId!;
        var carried = request.GetParameters().Where(p => p.Key is not (EmailField or PasswordField))
            .Select(p => $"""<input type="hidden" name="{Encode(p.Key)}" value="{Encode((string?)p.Value)}">""");
        var target = new Uri(request.RedirectUri!);

        // Browsers hold the answer to a form to the same policy, and the answer sends them back to the client.
        var back = target.Scheme is "http" or "https" ? target.GetLeftPart(UriPartial.Authority) : $"{target.Scheme}:";
        return AccountPage.Show(
            http,
            "Sign in",
            $"to continue to {client}",
            $"""
            <form method="post" action="/connect/authorize">
            {string.Concat(carried)}
            <label for="email">E-mail address</label>
            <input id="email" name="{EmailField}" type="email" autocomplete="username" required value="{Encode(email)}" {(email is null ? "autofocus" : "")}>
            <label for="password">Password</label>
            <input id="password" name="{PasswordField}" type="password" autocomplete="current-password" required {(email is null ? "" : "autofocus")}>
            <button>Sign in</button>
            </form>
            <p><a href="{PasswordPages.Forgotten}">Forgotten your password?</a></p>
            """,
            notice,
            status,
            back);
    }
}
