using Contracts.Events;

namespace Shop.Contracts.Guestbook.V1;

/// <summary>A customer has written a note. What it says stays with the service.</summary>
/// <param name="NoteId">The note.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="AddedAt">When it was written.</param>
[BoundaryEvent("shop.guestbook.note-added.v1", nameof(NoteId))]
public sealed record NoteAdded(Guid NoteId, Guid UserId, DateTimeOffset AddedAt);
