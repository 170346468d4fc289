using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>
/// One key per person. Events never change, so personal data in them is stored encrypted, and erasing a person means destroying the key.
/// ADR: docs/adr/0006-erasure-by-key.md.
/// </summary>
public static class PersonalDataKeys
{
    /// <summary>Makes every sealed value about this person unreadable, for ever and in every backup that does not hold this table.</summary>
    public static async Task Destroy(DbContext db, string subject, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO event_store.personal_keys (subject, key, destroyed_at) VALUES ({subject}, NULL, now())
            ON CONFLICT (subject) DO UPDATE SET key = NULL, destroyed_at = coalesce(personal_keys.destroyed_at, now())
            """,
            cancellationToken);

    /// <returns>The key; null when it was destroyed, so that nothing more about this person is stored.</returns>
    internal static async Task<byte[]?> GetOrCreate(NpgsqlConnection connection, string subject, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO event_store.personal_keys (subject, key) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING")
        {
            Parameters = { new() { Value = subject }, new() { Value = RandomNumberGenerator.GetBytes(32) } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT key FROM event_store.personal_keys WHERE subject = $1 FOR SHARE")
        {
            Parameters = { new() { Value = subject } },
        });
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) && !reader.IsDBNull(0) ? reader.GetFieldValue<byte[]>(0) : null;
    }
}
