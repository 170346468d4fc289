using Chassis.Web;
using static Users.Features.AccountPage;

namespace Users.Features;

/// <summary>Where people ask for a link because they have forgotten their password, and where that link leads. A front end may have pages of its own for both.</summary>
public static class PasswordPages
{
    public const string Forgotten = "/account/forgotten-password", Reset = "/account/reset-password";

    private const string Title = "Set a new password";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Forgotten, (HttpContext http) => Ask(http, null)).AllowAnonymous().IgnoreBearer().ExcludeFromDescription();
        app.MapPost(Forgotten, PostForgotten).AllowAnonymous().IgnoreBearer().IsCostly().DisableAntiforgery().ExcludeFromDescription();
        app.MapGet(Reset, (HttpContext http, string? ticket) => Choose(http, ticket, null, StatusCodes.Status200OK)).AllowAnonymous().IgnoreBearer().ExcludeFromDescription();
        app.MapPost(Reset, PostReset).AllowAnonymous().IgnoreBearer().IsCostly().DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> PostForgotten(HttpContext http, ResetPassword handler, CancellationToken cancellationToken)
    {
        if (!http.Request.HasFormContentType || IsFromElsewhere(http.Request))
        {
            return Ask(http, null);
        }

        try
        {
            await handler.RequestAsync((await http.Request.ReadFormAsync(cancellationToken))["email"].ToString(), cancellationToken);
            return Show(http, "Look into your mailbox", "If there is an account with this address, a mail with a link is on its way. The link works for half an hour.", "");
        }
        catch (ProblemException e) when (e.Status == StatusCodes.Status400BadRequest)
        {
            return Ask(http, "This is not an e-mail address.");
        }
    }

    private static async Task<IResult> PostReset(HttpContext http, ResetPassword handler, CancellationToken cancellationToken)
    {
        if (!http.Request.HasFormContentType || IsFromElsewhere(http.Request))
        {
            return Choose(http, null, null, StatusCodes.Status400BadRequest);
        }

        var form = await http.Request.ReadFormAsync(cancellationToken);
        var ticket = form["ticket"].ToString();
        try
        {
            await handler.CompleteAsync(new ResetPasswordRequest(ticket, form["password"].ToString()), cancellationToken);
            return Show(http, "Your password is set", "You are signed out everywhere. Sign in with the new password.", "");
        }
        catch (ProblemException e) when (e.Status is StatusCodes.Status400BadRequest or StatusCodes.Status409Conflict)
        {
            return Choose(http, ticket, e.Errors is { } errors ? $"The password {string.Join(" It ", errors.SelectMany(f => f.Value))}" : e.Message, e.Status);
        }
    }

    private static IResult Ask(HttpContext http, string? notice) => Show(
        http,
        "Forgotten your password?",
        "We mail you a link with which you set a new one.",
        $"""
        <form method="post" action="{Forgotten}">
        <label for="email">E-mail address</label>
        <input id="email" name="email" type="email" autocomplete="username" required autofocus>
        <button>Send the link</button>
        </form>
        """,
        notice,
        notice is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);

    private static IResult Choose(HttpContext http, string? ticket, string? notice, int status) => string.IsNullOrEmpty(ticket)
        ? Show(http, Title, "This page is opened by the link in the mail.", $"""<p><a href="{Forgotten}">Ask for a link</a></p>""", status: status)
        : Show(
            http,
            Title,
            "At least eight characters, and nothing that everybody tries.",
            $"""
            <form method="post" action="{Reset}">
            <input type="hidden" name="ticket" value="{Encode(ticket)}">
            <label for="password">New password</label>
            <input id="password" name="password" type="password" autocomplete="new-password" required autofocus>
            <button>Set the password</button>
            </form>
            """,
            notice,
            status);
}
