using System.Text.Json;
using Chassis.Messaging.Erasure;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;
using Npgsql;
using NpgsqlTypes;
using Shop.Contracts;

namespace Notifications.Mails;

/// <summary>What a mail is to be made of.</summary>
/// <param name="Template">Name of the template.</param>
/// <param name="Cause">See <see cref="Mail.Cause"/>.</param>
/// <param name="EventId">The event that asked for it.</param>
/// <param name="EventType">Its type.</param>
/// <param name="Data">Its data.</param>
/// <param name="UserId">The customer; null for mails to operators.</param>
/// <param name="OrderId">The order that it is about.</param>
/// <param name="Recipient">Address, when it is known from the event; otherwise that of the contact counts when the mail is sent.</param>
/// <param name="Audience">See <see cref="Audiences"/>.</param>
/// <param name="TenantId">Whose installation it belongs to.</param>
public sealed record MailRequest(
    string Template,
    string Cause,
    string EventId,
    string EventType,
    object Data,
    Guid? UserId = null,
    Guid? OrderId = null,
    string? Recipient = null,
    string Audience = Audiences.Customer,
    string? TenantId = null);

/// <summary>Puts mails into the queue, in the transaction of what asks for them.</summary>
public sealed class MailOutbox(NotificationsDbContext db, TimeProvider clock)
{
    /// <summary>Asks for a mail; asking for the same one again changes nothing.</summary>
    public async Task Enqueue(MailRequest mail, CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        try
        {
            await Insert((NpgsqlConnection)db.Database.GetDbConnection(), mail, clock, ct);
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    /// <summary>The same for work without a context, in the transaction that is open on the connection.</summary>
    /// <remarks>
    /// <see cref="ErasureLock"/> decides between a mail and the erasure of its person: no address and no data stay behind. A mail that comes after the erasure is noted
    /// without them, and suppressed.
    /// </remarks>
    public static async Task Insert(NpgsqlConnection connection, MailRequest mail, TimeProvider clock, CancellationToken ct)
    {
        // One round trip; outside of a transaction a batch is one.
        await using var batch = new NpgsqlBatch(connection);
        if (mail.UserId is { } person)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(ErasureLock.ShareSql) { Parameters = { new() { Value = person } } });
        }

        var insert = new NpgsqlBatchCommand(
            $$"""
            WITH mail AS (
                INSERT INTO mails (id, cause, event_id, event_type, template, audience, user_id, order_id, tenant_id, recipient, data, due_at, created_at)
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN gone THEN NULL ELSE $10 END, CASE WHEN gone THEN '{}' ELSE $11 END, now(), now()
                FROM (SELECT EXISTS (SELECT FROM contacts WHERE user_id = $7 AND erased_at IS NOT NULL) AS gone) AS erasure
                ON CONFLICT (cause, template, audience) DO NOTHING)
            SELECT pg_notify('{{MailQueue.Channel}}', '')
            """);
        insert.Parameters.AddWithValue(Ids.New(clock));
        insert.Parameters.AddWithValue(mail.Cause);
        insert.Parameters.AddWithValue(mail.EventId);
        insert.Parameters.AddWithValue(mail.EventType);
        insert.Parameters.AddWithValue(mail.Template);
        insert.Parameters.AddWithValue(mail.Audience);
        insert.Parameters.Add(new NpgsqlParameter { Value = mail.UserId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        insert.Parameters.Add(new NpgsqlParameter { Value = mail.OrderId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        insert.Parameters.Add(new NpgsqlParameter { Value = mail.TenantId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        insert.Parameters.Add(new NpgsqlParameter { Value = mail.Recipient ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        insert.Parameters.Add(new NpgsqlParameter
        {
            Value = JsonSerializer.Serialize(mail.Data, mail.Data.GetType(), ContractJson.Options),
            NpgsqlDbType = NpgsqlDbType.Jsonb,
        });
        batch.BatchCommands.Add(insert);
        await batch.ExecuteNonQueryAsync(ct);
    }
}
