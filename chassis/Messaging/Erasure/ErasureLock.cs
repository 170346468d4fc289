using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.Erasure;

/// <summary>
/// Decides between what is stored about a person and the person's erasure, whichever commits first, to the end of both transactions. Whoever stores shares the
/// lock and looks for the erasure in a statement afterwards; the erasure has it alone, and finds what was committed before. There need be nothing of the person
/// yet.
/// </summary>
public static class ErasureLock
{
    /// <summary>
    /// For whoever stores something in a batch of their own; the parameter is an array of ids. An erasure takes one person's lock, so that nobody waits in a
    /// circle.
    /// </summary>
    public static string ShareAllSql { get; } = $"{Sql("_shared", "person")} FROM unnest($1) AS person";

    public static Task ShareAsync(DbContext db, Guid person, CancellationToken ct) =>
        db.Database.ExecuteSqlRawAsync(Sql("_shared", "{0}"), [person], ct);

    public static Task TakeAsync(DbContext db, Guid person, CancellationToken ct) =>
        db.Database.ExecuteSqlRawAsync(Sql("", "{0}"), [person], ct);

    private static string Sql(string mode, string person) => $"SELECT pg_advisory_xact_lock{mode}(hashtextextended('erasure:' || {person}::text, 0))";
}
