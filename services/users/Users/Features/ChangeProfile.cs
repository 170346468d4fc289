using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Domain;
using Users.Persistence;

namespace Users.Features;

internal sealed record UpdateProfileRequest([property: Text(RegisterUser.MaxNameLength)] string FullName);

internal sealed class ChangeProfile(UserStore users, TimeProvider clock)
{
    public async Task<User> RenameAsync(Guid id, UpdateProfileRequest request, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        var fullName = request.FullName.Trim();
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        if (user.Rename(fullName, clock.GetUtcNow()))
        {
            await users.SaveAsync(user, ct);
        }

        return user;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder users) =>
        users.MapPatch("/{id:guid}", Patch).RequireCustomer(others: Permissions.ChangeUsers).WithName("UpdateProfile").WithSummary("Change the name.");

    private static async Task<ETagged<Ok<UserView>>> Patch(
        Guid id, UpdateProfileRequest request, ChangeProfile handler, Caller caller, ExpectedVersion expected, CancellationToken ct)
    {
        var user = await handler.RenameAsync(id, request, caller, expected, ct);
        return TypedResults.Ok(UserView.Of(user)).WithETag(user.Version);
    }
}
