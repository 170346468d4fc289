using System.ComponentModel.DataAnnotations;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Domain;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="Role"><c>customer</c>, <c>operator</c>, or the name of a bundle.</param>
/// <param name="Reason">Why; it stands in the audit and in the account's history.</param>
internal sealed record ChangeRoleRequest([property: MaxLength(100)] string Role, [property: Text(500)] string Reason) : IHasReason;

/// <summary>A role and what it may do.</summary>
/// <param name="Name">As an account has it.</param>
/// <param name="Permissions">What whoever has it may do; null for everything.</param>
internal sealed record RoleView(string Name, IReadOnlyList<string>? Permissions);

/// <summary>
/// Makes somebody an operator, of everything or of a part, and takes that back: always somebody else, and nobody gives or takes more than they have. Every
/// session of the account ends with it, so that what was taken away is gone within seconds.
/// </summary>
internal sealed class ChangeRole(UserStore users, UsersDbContext db, Operators operators, OperatorRoles roles, TimeProvider clock)
{
    public async Task<User> Handle(Guid id, ChangeRoleRequest request, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator()
            .Check(roles.Exists(request.Role), "role", "is not the name of a role.")
            .Bounds(request)
            .ThrowIfInvalid();
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        Operators.MustBeAnother(caller, user);
        roles.MustHold(caller, request.Role);
        user.MustBeActive();
        if (user.Role == request.Role)
        {
            return user;
        }

        await using var transaction = await db.BeginOrJoinAsync(ct);
        await operators.MustRemainAsync(user, ct);
        user.ChangeRole(request.Role, request.Reason.Trim(), clock.GetUtcNow());
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
        return user;
    }

    public static void Map(RouteGroupBuilder v1)
    {
        v1.MapGet("/roles", List).RequireOperator(UsersPermissions.ChangeOperators)
            .WithName("ListRoles").WithSummary("The roles that accounts can have, and what each may do.");
        v1.MapPut("/users/{id:guid}/role", Put).RequireOperator(UsersPermissions.ChangeOperators)
            .WithName("ChangeRole").WithSummary("Give somebody else a role, or take it away by giving back that of a customer. Ends their sessions.");
    }

    private static Ok<IReadOnlyList<RoleView>> List(OperatorRoles roles) => TypedResults.Ok<IReadOnlyList<RoleView>>(
    [
        new RoleView(Roles.Customer, []),
        .. roles.Bundles.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => new RoleView(r.Key, r.Value)),
        new RoleView(Roles.Operator, null),
    ]);

    private static async Task<ETagged<Ok<UserView>>> Put(
        Guid id, ChangeRoleRequest request, ChangeRole handler, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        var user = await handler.Handle(id, request, caller, expected, ct);
        return TypedResults.Ok(UserView.Of(user)).WithETag(user.Version);
    }
}
