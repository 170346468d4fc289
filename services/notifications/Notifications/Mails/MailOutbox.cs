using System.Diagnostics;
using System.Text.Json;
using Chassis;
using Chassis.Messaging.Erasure;
using Contracts.Events;
using Npgsql;
using NpgsqlTypes;

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
/// <param name="EventTime">When the event happened; now, when that is not known.</param>
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
    string? TenantId = null,
    DateTimeOffset? EventTime = null)
{
    /// <summary>W3C trace context of whoever asks. The mail may be written together with others, and is sent later.</summary>
    public string? TraceParent { get; } = Activity.Current?.Id;
}

/// <summary>Puts mails into the queue. Asking for the same one again changes nothing.</summary>
public sealed class MailOutbox(NpgsqlDataSource database, MailsSignal signal, TimeProvider clock)
{
    /// <summary>All of them, in one transaction.</summary>
    public async Task AddAsync(IReadOnlyList<MailRequest> mails, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await InsertAsync(connection, mails, clock, ct);
        signal.Signal.Set();
    }

    /// <summary>In the transaction that is open on the connection, or in one of its own.</summary>
    /// <remarks>
    /// <see cref="ErasureLock"/> decides between a mail and the erasure of its person: no address and no data stay behind. A mail that comes after the erasure
    /// is noted without them, and suppressed.
    /// </remarks>
    public static async Task InsertAsync(NpgsqlConnection connection, IReadOnlyList<MailRequest> mails, TimeProvider clock, CancellationToken ct)
    {
        // One round trip; outside of a transaction a batch is one.
        await using var batch = new NpgsqlBatch(connection);
        Guid[] people = [.. mails.Select(m => m.UserId).OfType<Guid>().Distinct().Order()];
        if (people.Length > 0)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(ErasureLock.ShareAllSql) { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = people } } });
        }

        var insert = new NpgsqlBatchCommand(
            """
            INSERT INTO mails (id, cause, event_id, event_type, template, audience, user_id, order_id, tenant_id, recipient, data, event_time, trace_parent,
                due_at, created_at)
            SELECT id, cause, event_id, event_type, template, audience, user_id, order_id, tenant_id,
                CASE WHEN gone THEN NULL ELSE recipient END, CASE WHEN gone THEN '{}' ELSE data END, coalesce(event_time, now()), trace_parent, now(), now()
            FROM (
                SELECT m.*, EXISTS (SELECT FROM contacts c WHERE c.user_id = m.user_id AND c.erased_at IS NOT NULL) AS gone
                FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                    AS m(id, cause, event_id, event_type, template, audience, user_id, order_id, tenant_id, recipient, data, event_time, trace_parent)) asked
            ORDER BY cause, template, audience
            ON CONFLICT (cause, template, audience) DO NOTHING
            """);
        Add(_ => Ids.New(clock));
        Add(m => m.Cause);
        Add(m => m.EventId);
        Add(m => m.EventType);
        Add(m => m.Template);
        Add(m => m.Audience);
        Add(m => m.UserId);
        Add(m => m.OrderId);
        Add(m => m.TenantId);
        Add(m => m.Recipient);
        Add(m => JsonSerializer.Serialize(m.Data, m.Data.GetType(), ContractJson.Options)).NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb;
        Add(m => m.EventTime?.ToUniversalTime());
        Add(m => m.TraceParent);
        batch.BatchCommands.Add(insert);
        await batch.ExecuteNonQueryAsync(ct);

        NpgsqlParameter<T[]> Add<T>(Func<MailRequest, T> value)
        {
            var parameter = new NpgsqlParameter<T[]> { TypedValue = [.. mails.Select(value)] };
            insert.Parameters.Add(parameter);
            return parameter;
        }
    }
}
