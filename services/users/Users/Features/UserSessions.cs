using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>Where an account is signed in, and the end of that.</summary>
internal static class UserSessions
{
    public static void Map(RouteGroupBuilder users)
    {
        users.MapGet("/{id:guid}/sessions", Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ListSessions").WithSummary("Where the account is signed in, the latest first.");
        users.MapDelete("/{id:guid}/sessions/{sessionId:guid}", Delete).RequireCustomer(others: Permissions.ChangeUsers)
            .WithName("EndSession").WithSummary("End one session. Whose own it is has to have signed in within the last minutes.");
    }

    private static async Task<Ok<IReadOnlyList<SessionView>>> Get(Guid id, UserStore users, Sessions sessions, Caller caller, CancellationToken ct)
    {
        await users.GetAsync(id, caller, ct);
        return TypedResults.Ok(await sessions.ListAsync(id, ct));
    }

    private static async Task<NoContent> Delete(
        Guid id, Guid sessionId, UserStore users, Sessions sessions, OwnersProof proof, AuthenticationEvents events, Caller caller, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        var happened = new AuthenticationEvent(AuthenticationEventKind.SignOut, StatusCodes.Status204NoContent)
        {
            UserId = id.ToString(), TenantId = user.TenantId,
        };
        await proof.CheckAsync(user, caller, currentPassword: null, address: null, happened, ct);
        if (!await sessions.EndAsync(id, sessionId, ct))
        {
            throw ProblemException.NotFound("There is no such session.");
        }

        await events.RecordAsync(happened, ct);
        return TypedResults.NoContent();
    }
}
