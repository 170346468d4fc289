using System.Globalization;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using QRCoder;
using Users.Domain;
using Users.Passwords;
using Users.Tokens;
using Users.Tokens.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static Users.Features.AccountPage;

namespace Users.Features;

/// <summary>
/// The page on which people sign in, and nowhere else. It keeps nothing in the browser: every authorization asks for the password, and what the client has
/// asked for travels through the form. The token server has looked at that before, each time.
/// </summary>
internal sealed class Authorize(
    SignIn signIn, Sessions sessions, ResetPassword resets, SecondFactor secondFactor, SecondFactors factors, IOptions<UsersSettings> settings)
{
    private const string EmailField = "email", PasswordField = "password", TicketField = "second_step", CodeField = "one_time_code", SetupField = "setup";

    // Everything else is what the client has asked for.
    private static readonly string[] OwnFields = [EmailField, PasswordField, TicketField, CodeField, SetupField];

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapMethods("/connect/authorize", [HttpMethods.Get, HttpMethods.Post], AnswerAsync)
        .AllowAnonymous().IgnoreBearer().DisableAntiforgery().ExcludeFromDescription().WithName("Authorize");

    private static Task<IResult> AnswerAsync(HttpContext http, Authorize handler, CancellationToken ct) =>
        handler.Handle(http, http.GetOpenIddictServerRequest()!, ct);

    private async Task<IResult> Handle(HttpContext http, OpenIddictRequest request, CancellationToken ct)
    {
        // OAuth lets a client with one address leave it out; here it says where to, always.
        if (string.IsNullOrEmpty(request.RedirectUri))
        {
            return Show(
                http,
                "Sign in",
                "The page that has sent you here has not said where to send you back to (redirect_uri).",
                "",
                status: StatusCodes.Status400BadRequest);
        }

        if (request.HasPromptValue(PromptValues.None))
        {
            return Token.Refuse(Errors.LoginRequired, "Nobody is signed in here without being asked.");
        }

        var isAnswer = HttpMethods.IsPost(http.Request.Method) && !IsFromElsewhere(http.Request);
        var (email, password) = ((string?)request[EmailField], (string?)request[PasswordField]);
        try
        {
            if (isAnswer && (string?)request[TicketField] is { Length: > 0 } ticket)
            {
                return await SecondStepAsync(http, request, ticket, ct);
            }

            return isAnswer && email is not null && password is not null
                ? await FirstStepAsync(http, request, email, password, ct)
                : Page(http, request, email ?? request.LoginHint, notice: null, StatusCodes.Status200OK);
        }
        catch (ProblemException e)
            when (e.Status is StatusCodes.Status400BadRequest or StatusCodes.Status409Conflict or StatusCodes.Status429TooManyRequests
                or StatusCodes.Status503ServiceUnavailable)
        {
            var wait = e.RetryAfter is { } after
                ? string.Create(CultureInfo.InvariantCulture, $" Try again in {Math.Ceiling(after.TotalSeconds)} seconds.")
                : "";
            return Page(http, request, email, e.Message + wait, e.Status);
        }
    }

    private async Task<IResult> FirstStepAsync(HttpContext http, OpenIddictRequest request, string email, string password, CancellationToken ct)
    {
        var (user, needed) = await signIn.VerifyAsync(email, password, code: null, request.ClientId!, http.Connection.RemoteIpAddress, ct);
        if (user is null || needed == StillNeeded.Nothing)
        {
            return await EndAsync(user, request, ct)
                ?? Page(http, request, email, "The e-mail address or the password is not right.", StatusCodes.Status400BadRequest);
        }

        if (needed == StillNeeded.OwnPassword)
        {
            return await resets.BeginAsync(user, ct) is { } page
                ? Show(
                    http,
                    "Choose a password of your own",
                    "Somebody else has chosen the one of now. Sign in with yours afterwards.",
                    $"""<p><a href="{Encode(page)}">Choose a password</a></p>""")
                : Page(
                    http,
                    request,
                    email,
                    "Choosing another password was begun several times. Try again in half an hour.",
                    StatusCodes.Status429TooManyRequests);
        }

        return await signIn.BeginSecondStepAsync(user, ct) is not { } ticket
            ? Page(http, request, email, "Signing in was begun several times. Try again in ten minutes.", StatusCodes.Status429TooManyRequests)
            : needed == StillNeeded.Code
                ? CodePage(http, request, ticket, notice: null, StatusCodes.Status200OK)
                : SetupPage(http, request, ticket, factors.Begin(user), notice: null, StatusCodes.Status200OK);
    }

    private async Task<IResult> SecondStepAsync(HttpContext http, OpenIddictRequest request, string ticket, CancellationToken ct)
    {
        var code = (string?)request[CodeField] ?? "";
        if ((string?)request[SetupField] is not { Length: > 0 } setup)
        {
            var signedIn = await signIn.VerifyCodeAsync(ticket, code, request.ClientId!, http.Connection.RemoteIpAddress, ct);
            return await EndAsync(signedIn, request, ct)
                ?? CodePage(http, request, ticket, "The code is not right, or was used already.", StatusCodes.Status400BadRequest);
        }

        var (_, user) = await signIn.AtSecondStepAsync(ticket, ct);
        return await secondFactor.ConfirmAsync(user, setup, code, ct) is { } codes
            ? Show(
                http,
                "Keep these codes",
                "Each lets you in once, should you lose your app. They are shown here and never again.",
                $"""
                <ul class="codes">{string.Concat(codes.Select(c => $"<li><code>{c}</code></li>"))}</ul>
                <form method="post" action="/connect/authorize">{Carried(request)}<button>I have kept them: sign in</button></form>
                """,
                formAction: Back(request))
            : SetupPage(
                http, request, ticket, factors.Again(user, setup), "The code is not right. Is the clock of your telephone?", StatusCodes.Status400BadRequest);
    }

    private async Task<IResult?> EndAsync(User? user, OpenIddictRequest request, CancellationToken ct) =>
        user is not null && await sessions.BeginAsync(user, request.ClientId!, request.GetScopes(), ct) is { } principal
            ? Results.SignIn(principal, authenticationScheme: TokenServer.Scheme)
            : null;

    private IResult Page(HttpContext http, OpenIddictRequest request, string? email, string? notice, int status)
    {
        var client = settings.Value.Clients.GetValueOrDefault(request.ClientId!)?.Name ?? request.ClientId!;
        return Show(
            http,
            "Sign in",
            $"to continue to {client}",
            $"""
            <form method="post" action="/connect/authorize">
            {Carried(request)}
            <label for="email">E-mail address</label>
            <input id="email" name="{EmailField}" type="email" autocomplete="username" required value="{Encode(email)}" {(email is null ? "autofocus" : "")}>
            <label for="password">Password</label>
            <input id="password" name="{PasswordField}" type="password" autocomplete="current-password" required {(email is null ? "" : "autofocus")}>
            <button>Sign in</button>
            </form>
            <p><a href="{PasswordPages.Forgotten}">Forgotten your password?</a></p>
            <p>{Encode(client)} can then see and change your account and your orders in your name, until you sign out there, or for {settings.Value.Tokens.SessionLifetime.Days} days.</p>
            """,
            notice,
            status,
            Back(request));
    }

    private static IResult CodePage(HttpContext http, OpenIddictRequest request, string ticket, string? notice, int status) => Show(
        http,
        "Your one-time code",
        "Your app shows it. If you have lost the app, one of your recovery codes does as well.",
        CodeForm(request, ticket, "", "Sign in"),
        notice,
        status,
        Back(request));

    private static IResult SetupPage(HttpContext http, OpenIddictRequest request, string ticket, SecondFactorSetup setup, string? notice, int status)
    {
        using var qr = new QRCodeGenerator().CreateQrCode(setup.Uri, QRCodeGenerator.ECCLevel.M);
        using var picture = new SvgQRCode(qr);
        return Show(
            http,
            "Set up one-time codes",
            "Operators sign in with a second factor. Scan this with an app for one-time codes, or type the key into it, and then the code that it shows here.",
            $"""
            <figure>{picture.GetGraphic(4, "#000000", "#ffffff", drawQuietZones: true, SvgQRCode.SizingMode.ViewBoxAttribute)}</figure>
            <p><code>{string.Join(' ', setup.Secret.Chunk(4).Select(part => new string(part)))}</code></p>
            {CodeForm(request, ticket, $"""<input type="hidden" name="{SetupField}" value="{Encode(setup.Setup)}">""", "Set them up")}
            """,
            notice,
            status,
            Back(request));
    }

    private static string CodeForm(OpenIddictRequest request, string ticket, string more, string button) =>
        $"""
        <form method="post" action="/connect/authorize">
        {Carried(request)}
        <input type="hidden" name="{TicketField}" value="{Encode(ticket)}">
        {more}
        <label for="code">Code</label>
        <input id="code" name="{CodeField}" autocomplete="one-time-code" required autofocus>
        <button>{button}</button>
        </form>
        """;

    private static string Carried(OpenIddictRequest request) => string.Concat(request.GetParameters().Where(p => !OwnFields.Contains(p.Key))
        .Select(p => $"""<input type="hidden" name="{Encode(p.Key)}" value="{Encode((string?)p.Value)}">"""));

    // Browsers hold the answer to a form to the same policy, and the answer sends them back to the client.
    private static string Back(OpenIddictRequest request)
    {
        var target = new Uri(request.RedirectUri!);
        return target.Scheme is "http" or "https" ? target.GetLeftPart(UriPartial.Authority) : $"{target.Scheme}:";
    }
}
