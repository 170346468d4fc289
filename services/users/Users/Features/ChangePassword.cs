using System.ComponentModel.DataAnnotations;
using System.Net;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Passwords;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="NewPassword">The new one.</param>
/// <param name="CurrentPassword">The one of now.</param>
internal sealed record ChangePasswordRequest(
    [property: MaxLength(PasswordRules.Longest)] string NewPassword, [property: MaxLength(PasswordRules.Longest)] string? CurrentPassword = null);

internal sealed class ChangePassword(
    UserStore users, PasswordVault passwords, PasswordRules rules, OwnersProof proof, AuthenticationEvents events, UsersDbContext db, TimeProvider clock)
{
    public async Task Handle(
        Guid id, ChangePasswordRequest request, Caller caller, ExpectedVersion expected, IPAddress? address, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        if (caller.UserId != id)
        {
            throw new ProblemException(
                StatusCodes.Status403Forbidden, "not_your_account", "Nobody sets somebody else's password. Send a link: POST /v1/users/{id}/password-reset.");
        }

        var validator = new Validator().Bounds(request);
        rules.Check(validator, "newPassword", request.NewPassword, user.Email, user.FullName);
        validator.Check(!string.IsNullOrEmpty(request.CurrentPassword), "currentPassword", "is required.").ThrowIfInvalid();
        var happened = new AuthenticationEvent(AuthenticationEventKind.PasswordChange, StatusCodes.Status204NoContent)
        {
            UserId = id.ToString(), TenantId = user.TenantId,
        };
        await proof.CheckPasswordAsync(user, request.CurrentPassword!, address, happened, ct);
        user.ChangePassword(await passwords.HashAsync(request.NewPassword, ct), clock.GetUtcNow());
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await events.RecordAsync(happened, ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder users) => users.MapPut("/{id:guid}/password", Put).RequireCustomer(others: Permissions.ChangeUsers)
        .WithName("ChangePassword").WithSummary("Change the password. Ends every session.");

    private static async Task<NoContent> Put(
        Guid id, ChangePasswordRequest request, ChangePassword handler, Caller caller, ExpectedVersion expected, HttpContext http, CancellationToken ct)
    {
        await handler.Handle(id, request, caller, expected, http.Connection.RemoteIpAddress, ct);
        return TypedResults.NoContent();
    }
}
