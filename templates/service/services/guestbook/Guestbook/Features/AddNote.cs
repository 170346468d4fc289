using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Erasure;
using Chassis.Web;
using Guestbook.Persistence;
using MassTransit;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Guestbook.V1;

namespace Guestbook.Features;

/// <param name="Text">What the customer has to say.</param>
internal sealed record AddNoteRequest([property: Text(AddNote.MaxText)] string Text);

/// <summary>A customer writes a note.</summary>
internal sealed class AddNote(GuestbookDbContext db, IPublishEndpoint publish, GuestbookMetrics metrics, Caller caller, TimeProvider clock)
{
    public const int MaxText = 500;

    public async Task<Note> Handle(AddNoteRequest request, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();

        var note = new Note
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()), TenantId = caller.TenantId, UserId = caller.UserId, Text = request.Text, AddedAt = clock.GetUtcNow(),
        };
        await using var transaction = await db.BeginOrJoinAsync(ct);
        // An erasure in this moment either sees the note, or is seen here.
        await ErasureLock.ShareAsync(db, note.UserId, ct);
        if (await db.ErasedUsers.AnyAsync(u => u.UserId == note.UserId, ct))
        {
            throw ProblemException.NotFound();
        }

        db.Notes.Add(note);
        await publish.PublishEventAsync(new NoteAdded(note.Id, note.UserId, note.AddedAt), 1, ct);
        metrics.Added(db);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return note;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder notes) =>
        notes.MapPost("/", Post).RequireCustomer().WithIdempotencyKey().WithName("AddNote").WithSummary("Writes a note of one's own.");

    private static async Task<Created<NoteView>> Post(AddNoteRequest request, AddNote feature, CancellationToken ct) =>
        TypedResults.Created("/v1/guestbook/notes", NoteView.Of(await feature.Handle(request, ct)));
}
