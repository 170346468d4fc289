using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Users.Persistence;

namespace Users.Features;

internal sealed record UserEventView(
    Guid EventId, string EventType, int EventVersion, long Version, DateTimeOffset OccurredAt, JsonObject Payload, JsonElement Metadata);

internal static class ReadHistory
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder users) => users.MapGet("/{id:guid}/events", Get).RequireOperator(Permissions.ReadPersonalData)
        .WithName("ReadUserEvents").WithSummary("Everything that happened to an account, in order. After erasure without the personal values.");

    private static async Task<Ok<Page<UserEventView>>> Get(
        Guid id, [AsParameters] PageQuery page, UsersDbContext db, UserStore users, CancellationToken ct)
    {
        var after = page.After<long>() ?? 0;
        var rows = await db.History.AsNoTracking().Where(e => e.UserId == id && e.Version > after)
            .OrderBy(e => e.Version).Take(page.Size + 1).ToListAsync(ct);
        if (rows.Count == 0 && after == 0)
        {
            throw ProblemException.NotFound("There is no such user.");
        }

        var key = await users.KeyAsync(id, ct);
        var views = rows.ConvertAll(e => new UserEventView(
            e.EventId, e.EventType, e.EventVersion, e.Version, e.OccurredAt, UserHistory.Read(e, key), JsonSerializer.Deserialize<JsonElement>(e.Metadata)));
        return TypedResults.Ok(Page.Of(views, page, e => e.Version));
    }
}
