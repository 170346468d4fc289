using Chassis.Web;
using Microsoft.AspNetCore.Authentication;
using OpenIddict.Abstractions;
using Users.Tokens;
using Users.Tokens.Server;

namespace Users.Features;

/// <summary>
/// Where a client sends people who sign out (OpenID Connect RP-Initiated Logout): the session that the id token names ends, and they are sent back.
/// </summary>
internal static class SignOut
{
    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapMethods("/connect/logout", [HttpMethods.Get, HttpMethods.Post], AnswerAsync)
        .AllowAnonymous().IgnoreBearer().DisableAntiforgery().ExcludeFromDescription().WithName("SignOut");

    private static async Task<IResult> AnswerAsync(HttpContext http, Sessions sessions, AuthenticationEvents events, CancellationToken ct)
    {
        // Without an id token there is nothing to end: nothing is kept in the browser.
        if ((await http.AuthenticateAsync(TokenServer.Scheme)).Principal is { } token && Guid.TryParse(token.GetClaim(Claims.Subject), out var userId)
            && Guid.TryParse(token.GetClaim(Chassis.Web.Claims.SessionId), out var sessionId) && await sessions.EndAsync(userId, sessionId, ct))
        {
            await events.RecordAsync(new AuthenticationEvent(AuthenticationEventKind.SignOut, StatusCodes.Status200OK) { UserId = userId.ToString() }, ct);
        }

        return Results.SignOut(authenticationSchemes: [TokenServer.Scheme]);
    }
}
