using Chassis;
using Chassis.Web;
using static Users.Features.AccountPage;

namespace Users.Features;

/// <summary>Where people ask for a link because they have forgotten their password. A front end may have a page of its own for that.</summary>
internal static class PasswordPages
{
    public const string Forgotten = "/account/forgotten-password";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Forgotten, (HttpContext http) => Ask(http, null)).AllowAnonymous().IgnoreBearer().ExcludeFromDescription();
        app.MapPost(Forgotten, PostForgottenAsync).AllowAnonymous().IgnoreBearer().IsCostly().DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> PostForgottenAsync(HttpContext http, ResetPassword handler, CancellationToken ct)
    {
        if (!http.Request.HasFormContentType || IsFromElsewhere(http.Request))
        {
            return Ask(http, null);
        }

        try
        {
            await handler.RequestAsync((await http.Request.ReadFormAsync(ct))["email"].ToString(), ct);
            return Show(
                http,
                "Look into your mailbox",
                "If there is an account with this address, a mail with a link is on its way. The link works for half an hour.",
                "");
        }
        catch (ProblemException e) when (e.Status == StatusCodes.Status400BadRequest)
        {
            return Ask(http, "This is not an e-mail address.");
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
}
