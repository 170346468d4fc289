using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Persistence;

namespace Users.Features;

public static class ListUsers
{
    private const int MaxSearchLength = 200;

    public static RouteHandlerBuilder Map(RouteGroupBuilder users) => users.MapGet("/", Get).RequireOperator(Permissions.ReadPersonalData)
        .WithName("ListUsers").WithSummary("All accounts, the latest first; search looks into name and e-mail address.");

    private static async Task<Ok<Page<UserView>>> Get(
        string? status, string? search, string? role, [AsParameters] PageQuery page, UsersDbContext db, OperatorRoles roles, CancellationToken cancellationToken)
    {
        new Validator()
            .Check(status is null or UserStatus.Active or UserStatus.Deactivated, "status", "must be active or deactivated.")
            .OptionalText("search", search, MaxSearchLength)
            .Check(role is null || roles.Exists(role), "role", "is not the name of a role.")
            .ThrowIfInvalid();

        var rows = db.List.AsNoTracking();
        if (status is not null)
        {
            rows = rows.Where(u => u.Status == status);
        }

        if (role is not null)
        {
            rows = rows.Where(u => u.Role == role);
        }

        if (!string.IsNullOrWhiteSpace(search))
        {
            var text = search.Trim().ToLowerInvariant();
            rows = rows.Where(u => u.SearchText.Contains(text));
        }

        if (page.After<Guid>() is { } after)
        {
            rows = rows.Where(u => u.Id < after);
        }

        var found = await rows.OrderByDescending(u => u.Id).Take(page.Size + 1)
            .Select(u => new UserView(u.Id, u.Email, u.FullName, u.Status, u.Source, u.RegisteredAt, u.Version, u.EmailVerified, u.Role))
            .ToListAsync(cancellationToken);
        return TypedResults.Ok(Page.Of(found, page, u => u.Id));
    }
}
