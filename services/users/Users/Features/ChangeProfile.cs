using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Persistence;

namespace Users.Features;

public sealed record UpdateProfileRequest(string FullName);

public sealed record ChangeEmailRequest(string Email);

public sealed class ChangeProfile(UserStore users, UsersDbContext db, AuthenticationEvents events, TimeProvider clock)
{
    public async Task<User> Rename(Guid id, UpdateProfileRequest request, Caller caller, ExpectedVersion expected, CancellationToken cancellationToken)
    {
        var fullName = request.FullName.Trim();
        new Validator().Text("fullName", fullName, RegisterUser.MaxNameLength).ThrowIfInvalid();
        var user = await users.GetAsync(id, caller, cancellationToken);
        expected.Check(user.Version);
        if (user.Rename(fullName, clock.GetUtcNow()))
        {
            await users.SaveAsync(user, cancellationToken);
        }

        return user;
    }

    public async Task<User> ChangeEmail(Guid id, ChangeEmailRequest request, Caller caller, ExpectedVersion expected, CancellationToken cancellationToken)
    {
        var email = Email.Normalize(request.Email);
        new Validator().Check(email is not null, "email", "is not an e-mail address.").ThrowIfInvalid();
        var user = await users.GetAsync(id, caller, cancellationToken);
        expected.Check(user.Version);
        if (await db.Users.IgnoreQueryFilters().AnyAsync(u => u.Email == email && u.Id != id, cancellationToken))
        {
            throw UserStore.EmailTaken();
        }

        if (user.ChangeEmail(email!, clock.GetUtcNow()))
        {
            await using var transaction = await db.BeginOrJoinAsync(cancellationToken);
            await events.RecordAsync(
                new AuthenticationEvent(AuthenticationEventKind.EmailChange, StatusCodes.Status200OK) { UserId = id.ToString(), TenantId = user.TenantId }, cancellationToken);
            await users.SaveAsync(user, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        return user;
    }

    public static void Map(RouteGroupBuilder users)
    {
        users.MapPatch("/{id:guid}", Patch).RequireCustomer().WithName("UpdateProfile").WithSummary("Change the name.");
        users.MapPut("/{id:guid}/email", PutEmail).RequireCustomer().WithName("ChangeEmail").WithSummary("Change the e-mail address.");
    }

    private static async Task<ETagged<Ok<UserView>>> Patch(
        Guid id, UpdateProfileRequest request, ChangeProfile handler, Caller caller, ExpectedVersion expected, CancellationToken cancellationToken) =>
        Answer(await handler.Rename(id, request, caller, expected, cancellationToken));

    private static async Task<ETagged<Ok<UserView>>> PutEmail(
        Guid id, ChangeEmailRequest request, ChangeProfile handler, Caller caller, ExpectedVersion expected, CancellationToken cancellationToken) =>
        Answer(await handler.ChangeEmail(id, request, caller, expected, cancellationToken));

    private static ETagged<Ok<UserView>> Answer(User user) => TypedResults.Ok(UserView.Of(user)).WithETag(user.Version);
}
