using Chassis;
using Chassis.Web;
using Guestbook.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Guestbook.Features;

/// <summary>A note.</summary>
/// <param name="Id">The note.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="OrderId">The order that left it; null when a person wrote it.</param>
/// <param name="Text">What it says.</param>
/// <param name="AddedAt">When it was added.</param>
internal sealed record NoteView(Guid Id, Guid UserId, Guid? OrderId, string Text, DateTimeOffset AddedAt)
{
    public static NoteView Of(Note n) => new(n.Id, n.UserId, n.OrderId, n.Text, n.AddedAt);
}

/// <summary>Notes, newest first: customers see their own, operators all of their tenant.</summary>
internal static class ListNotes
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder notes) =>
        notes.MapGet("/", Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ListNotes").WithSummary("Notes, the newest first: own ones, or everybody's for operators.");

    private static async Task<Ok<Page<NoteView>>> Get([AsParameters] PageQuery page, GuestbookDbContext db, Caller caller, CancellationToken ct)
    {
        var notes = db.Notes.AsNoTracking();
        if (!caller.MaySeeOthers)
        {
            var owner = caller.UserId;
            notes = notes.Where(n => n.UserId == owner);
        }

        if (caller.TenantId is { } tenant)
        {
            notes = notes.Where(n => n.TenantId == tenant);
        }

        if (page.After<Guid>() is { } before)
        {
            notes = notes.Where(n => n.Id < before);
        }

        var rows = await notes.OrderByDescending(n => n.Id).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of([.. rows.Select(NoteView.Of)], page, n => n.Id));
    }
}
