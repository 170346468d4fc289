using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Domain;
using Users.Persistence;

namespace Users.Features;

internal sealed record DeactivateUserRequest([property: Text(500)] string Reason) : IHasReason;

internal sealed class ChangeStatus(UserStore users, UsersDbContext db, Operators operators, TimeProvider clock)
{
    public async Task<User> DeactivateAsync(Guid id, DeactivateUserRequest request, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        Operators.MustBeAnother(caller, user);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await operators.MustRemainAsync(user, ct);
        user.Deactivate(request.Reason.Trim(), clock.GetUtcNow());
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
        return user;
    }

    public async Task<User> ReactivateAsync(Guid id, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        Operators.MustBeAnother(caller, user);
        user.Reactivate(clock.GetUtcNow());
        await users.SaveAsync(user, ct);
        return user;
    }

    public static void Map(RouteGroupBuilder users)
    {
        users.MapPost("/{id:guid}/deactivate", PostDeactivate).RequireOperator(Permissions.ChangeUsers).WithIdempotencyKey()
            .WithName("DeactivateUser").WithSummary("No more sign-ins; sessions end; open orders are cancelled.");
        users.MapPost("/{id:guid}/reactivate", PostReactivate).RequireOperator(Permissions.ChangeUsers).WithIdempotencyKey()
            .WithName("ReactivateUser").WithSummary("Sign-ins again.");
    }

    private static async Task<ETagged<Ok<UserView>>> PostDeactivate(
        Guid id, DeactivateUserRequest request, ChangeStatus handler, Caller caller, ExpectedVersion expected, CancellationToken ct) =>
        Answer(await handler.DeactivateAsync(id, request, caller, expected, ct));

    private static async Task<ETagged<Ok<UserView>>> PostReactivate(
        Guid id, ChangeStatus handler, Caller caller, ExpectedVersion expected, CancellationToken ct) =>
        Answer(await handler.ReactivateAsync(id, caller, expected, ct));

    private static ETagged<Ok<UserView>> Answer(User user) => TypedResults.Ok(UserView.Of(user)).WithETag(user.Version);
}
