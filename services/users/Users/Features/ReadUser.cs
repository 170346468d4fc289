using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Users.Persistence;

namespace Users.Features;

internal static class ReadUser
{
    public static void Map(RouteGroupBuilder users)
    {
        users.MapGet("/me", Me).RequireCustomer().WithName("ReadMe").WithSummary("The caller's own account.");
        users.MapGet("/{id:guid}", Get)
            .RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ReadUser")
            .WithSummary("An account: one's own, or any for an operator.");
    }

    private static Task<ETagged<Ok<UserView>>> Me(UserStore users, Caller caller, CancellationToken ct) =>
        Get(caller.UserId, users, caller, ct);

    private static async Task<ETagged<Ok<UserView>>> Get(Guid id, UserStore users, Caller caller, CancellationToken ct)
    {
        var user = await users.GetAsync(id, caller, ct);
        return TypedResults.Ok(UserView.Of(user)).WithETag(user.Version);
    }
}
