using System.Security.Cryptography;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>
/// One key per person. Events never change, so personal data in them is stored encrypted, and erasing a person means destroying the key. The keys themselves
/// are sealed: a copy of the database is not enough to read what it holds of people. ADR: docs/adr/0006-erasure-by-key.md.
/// </summary>
public sealed class PersonalDataKeys(Envelope envelope)
{
    private const int Size = 32;

    /// <summary>Versions before stored the keys as they are.</summary>
    internal static readonly SealedColumn Column = new(
        "event_store.personal_keys", "subject", "key", "event-store.personal-keys",
        (_, stored) => stored.Length == Size ? stored : throw new CryptographicException("This is neither a key nor a box."));

    /// <summary>Makes every sealed value about this person unreadable, for ever and in every backup that does not hold this table.</summary>
    public static async Task DestroyAsync(DbContext db, string subject, CancellationToken ct) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO event_store.personal_keys (subject, key, destroyed_at) VALUES ({subject}, NULL, now())
            ON CONFLICT (subject) DO UPDATE SET key = NULL, destroyed_at = coalesce(personal_keys.destroyed_at, now())
            """,
            ct);

    /// <summary>A key as it lies in the table, to read with.</summary>
    internal byte[] Open(string subject, byte[] stored) => Column.Open(envelope, subject, stored);

    /// <returns>The key; null when it was destroyed, so that nothing more about this person is stored.</returns>
    internal async Task<byte[]?> GetOrCreateAsync(NpgsqlConnection connection, string subject, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO event_store.personal_keys (subject, key) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING")
        {
            Parameters = { new() { Value = subject }, new() { Value = Column.Seal(envelope, subject, RandomNumberGenerator.GetBytes(Size)) } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT key FROM event_store.personal_keys WHERE subject = $1 FOR SHARE")
        {
            Parameters = { new() { Value = subject } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) && !reader.IsDBNull(0) ? Open(subject, reader.GetFieldValue<byte[]>(0)) : null;
    }
}
