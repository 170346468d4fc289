using System.ComponentModel.DataAnnotations;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Domain;
using Users.Persistence;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <summary>A person who was erased: the id of what was the account, and nothing else that is known of it.</summary>
/// <param name="UserId">The account.</param>
/// <param name="ErasedAt">When.</param>
internal sealed record Erasure(Guid UserId, DateTimeOffset ErasedAt);

/// <param name="UserIds">Whom to erase again, up to 500.</param>
/// <param name="Reason">Why, for the audit.</param>
internal sealed record RepeatErasuresRequest([property: Length(1, 500)] IReadOnlyList<Guid> UserIds, [property: Text(500)] string Reason) : IHasReason;

/// <summary>What came of it.</summary>
/// <param name="Erased">Accounts that a restore had brought back.</param>
/// <param name="ToldAgain">Accounts that are erased here; the other services were told once more.</param>
/// <param name="Unknown">Ids of which this service knows no account: registered after what was restored, and gone with it.</param>
internal sealed record RepeatedErasures(int Erased, int ToldAgain, IReadOnlyList<Guid> Unknown);

/// <summary>
/// A backup knows people who were erased since. The list of erasures is kept where no restore reaches it, and read back after one: docs/how-to/restore.md.
/// </summary>
internal sealed class RepeatErasures(UserStore users, UsersDbContext db, EraseUser erasure)
{
    public static void Map(RouteGroupBuilder v1)
    {
        var erasures = v1.MapGroup("/ops/erasures").WithTags("Operations");
        erasures.MapGet("/", List).RequireSystemOperator(Permissions.ChangeUsers)
            .WithName("ListErasures").WithSummary("Everybody who was erased, by id alone: to be kept apart from the backups.");
        erasures.MapPost("/repeat", Repeat).RequireSystemOperator(Permissions.ChangeUsers)
            .WithName("RepeatErasures").WithSummary("Erase again, in every service, after a restore. Twice is harmless.");
    }

    private static async Task<Ok<Page<Erasure>>> List([AsParameters] PageQuery page, UsersDbContext db, CancellationToken ct)
    {
        // Of all tenants: whoever restores does so for all of them.
        var rows = db.Users.IgnoreQueryFilters().AsNoTracking().Where(u => u.Status == UserStatus.Erased);
        if (page.After<Guid>() is { } after)
        {
            rows = rows.Where(u => u.Id > after);
        }

        var found = await rows.OrderBy(u => u.Id).Take(page.Size + 1).Select(u => new Erasure(u.Id, u.UpdatedAt)).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(found, page, e => e.UserId));
    }

    private static Task<Ok<RepeatedErasures>> Repeat(RepeatErasuresRequest request, RepeatErasures handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return handler.RepeatAsync([.. request.UserIds.Distinct()], ct);
    }

    private async Task<Ok<RepeatedErasures>> RepeatAsync(IReadOnlyList<Guid> ids, CancellationToken ct)
    {
        var (erased, toldAgain, unknown) = (0, 0, new List<Guid>());
        foreach (var id in ids)
        {
            // One by one, so that what a request does not come to is done by the next.
            db.ChangeTracker.Clear();
            if (await db.Users.IgnoreQueryFilters().SingleOrDefaultAsync(u => u.Id == id, ct) is not { } user)
            {
                unknown.Add(id);
            }
            else if (user.Status == UserStatus.Erased)
            {
                await users.TellErasedAgainAsync(user, ct);
                toldAgain++;
            }
            else
            {
                await erasure.ForgetAsync(user, ct);
                erased++;
            }
        }

        return TypedResults.Ok(new RepeatedErasures(erased, toldAgain, unknown));
    }
}
