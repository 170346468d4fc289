using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>Where an account is signed in, and the end of that.</summary>
public static class UserSessions
{
    public static void Map(RouteGroupBuilder users)
    {
        users.MapGet("/{id:guid}/sessions", Get).RequireCustomer()
            .WithName("ListSessions").WithSummary("Where the account is signed in, the latest first.");
        users.MapDelete("/{id:guid}/sessions/{sessionId:guid}", Delete).RequireCustomer()
            .WithName("EndSession").WithSummary("End one session. Its access token works on for minutes, its refresh token no more.");
    }

    private static async Task<Ok<IReadOnlyList<SessionView>>> Get(Guid id, UserStore users, Sessions sessions, Caller caller, CancellationToken cancellationToken)
    {
        await users.GetAsync(id, caller, cancellationToken);
        return TypedResults.Ok(await sessions.ListAsync(id, cancellationToken));
    }

    private static async Task<NoContent> Delete(
        Guid id, Guid sessionId, UserStore users, Sessions sessions, AuthenticationEvents events, Caller caller, CancellationToken cancellationToken)
    {
        var user = await users.GetAsync(id, caller, cancellationToken);
        if (!await sessions.EndAsync(id, sessionId, cancellationToken))
        {
            throw ProblemException.NotFound("There is no such session.");
        }

        await events.RecordAsync(
            new AuthenticationEvent(AuthenticationEventKind.SignOut, StatusCodes.Status204NoContent) { UserId = id.ToString(), TenantId = user.TenantId }, cancellationToken);
        return TypedResults.NoContent();
    }
}
