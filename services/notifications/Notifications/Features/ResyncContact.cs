using Chassis;
using Chassis.Messaging.Operations;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;

namespace Notifications.Features;

/// <summary>Mends the copy of a contact that took in what users never said, as orders mends its own (docs/how-to/resync-a-copy.md).</summary>
internal static class ResyncContact
{
    public static void Map(IEndpointRouteBuilder app) =>
        app.MapPost("/v1/ops/copies/contacts/{userId:guid}/resync", Post).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey()
            .WithName("ResyncContact").WithSummary("Takes the next word of users about the contact, whatever its sequence.");

    private static async Task<Accepted<ResyncedCopy>> Post(Guid userId, NotificationsDbContext db, CancellationToken ct)
    {
        var known = await db.Database.ExecuteSqlAsync(
            $"UPDATE contacts SET email_version = -1, name_version = -1, locale_version = -1, active_version = -1 WHERE user_id = {userId} AND erased_at IS NULL",
            ct);
        return known > 0
            ? TypedResults.Accepted((string?)null, new ResyncedCopy("users", userId.ToString(), NotificationQueues.Contacts))
            : throw ProblemException.NotFound("There is no copy of that contact, or the person is erased.");
    }
}
