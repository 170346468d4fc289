using System.ComponentModel.DataAnnotations;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

internal static class ListUsers
{
    private const int MaxSearchLength = 200;

    /// <param name="Search">A part of the name or the e-mail address, in any case; null for all.</param>
    /// <param name="Status"><c>active</c> or <c>deactivated</c>.</param>
    /// <param name="Role">The name of a role.</param>
    /// <param name="Limit">Accounts of a page, 1 to 200; 50 where there is none.</param>
    /// <param name="Cursor">Where the page before ended.</param>
    public sealed record Request(
        [property: Text(MaxSearchLength)] string? Search = null,
        [property: RegularExpression($"^({UserStatus.Active}|{UserStatus.Deactivated})$", ErrorMessage = "must be active or deactivated.")] string? Status = null,
        [property: MaxLength(100)] string? Role = null,
        [property: Range(1, PageQuery.MaxSize)] int? Limit = null,
        [property: MaxLength(Chassis.Web.Cursor.MaxLength)] string? Cursor = null);

    public static void Map(RouteGroupBuilder users)
    {
        users.MapGet("/", (
                [MaxLength(20)] string? status,
                [Text(MaxSearchLength)] string? search,
                [MaxLength(100)] string? role,
                [AsParameters] PageQuery page,
                UsersDbContext db,
                OperatorRoles roles,
                CancellationToken cancellationToken) =>
                FindAsync(new Request(search, status, role, page.Limit, page.Cursor), db, roles, cancellationToken))
            .RequireOperator(Permissions.ReadPersonalData).WithName("ListUsers")
            .WithSummary("All accounts, the latest first; search looks into name and e-mail address. POST …/search keeps what is looked for out of the URL.");
        users.MapPost("/search", FindAsync)
            .RequireOperator(Permissions.ReadPersonalData).WithName("SearchUsers")
            .WithSummary("The same list, asked for in the body: names and addresses of people do not end in the logs of a proxy or the history of a browser.");
    }

    private static async Task<Ok<Page<UserView>>> FindAsync(Request request, UsersDbContext db, OperatorRoles roles, CancellationToken ct)
    {
        var (search, status, role, _, _) = request;
        var page = new PageQuery(request.Limit, request.Cursor);
        new Validator()
            .Bounds(request)
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
            .ToListAsync(ct);
        return TypedResults.Ok(Page.Of(found, page, u => u.Id));
    }
}
