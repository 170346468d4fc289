using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;

namespace Notifications.Contacts;

/// <summary>
/// Decides between what is stored about a person and the person's erasure, whichever commits first, to the end of both transactions. Whoever stores shares the lock and looks
/// for the erasure in a statement afterwards; the erasure has it alone, and finds what was committed before. There need be no contact yet.
/// </summary>
public static class ErasureLock
{
    /// <summary>For whoever stores something; the parameter is the person's id.</summary>
    public const string ShareSql = "SELECT pg_advisory_xact_lock_shared(hashtextextended('erasure ' || $1::text, 0))";

    public static Task ShareAsync(NotificationsDbContext db, Guid person, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock_shared(hashtextextended('erasure ' || {person}::text, 0))", ct);

    public static Task TakeAsync(NotificationsDbContext db, Guid person, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended('erasure ' || {person}::text, 0))", ct);
}
