using Chassis.Data;
using Chassis.Messaging.Model;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>The statements of the outbox. Each text is constant, so that Npgsql prepares it once per connection.</summary>
internal static class OutboxSql
{
    /// <summary>
    /// From this due time on the rows of replays wait, a thousand years ahead and in the order of their events. What is due never waits behind them, however
    /// many they are: the relay takes a share of them beside it.
    /// </summary>
    public const string Replays = "timestamptz '3000-01-01 00:00:00+00'";

    // A version that knows nothing of shares takes the surplus for what somebody has left behind, after those minutes.
    // One statement for all that a transaction sends, archives and takes back: each of its own costs more than what it writes. The rows get their keys in their
    // order.
    private const string InsertSql =
        """
        INSERT INTO messaging.outbox
            (message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, scheduled, token, due_at, surplus_of)
        SELECT message_id, outbox_key, exchange, routing_key, content_type, headers::jsonb, body, mandatory, due_at IS NOT NULL, token,
            coalesce(due_at, clock_timestamp() + CASE WHEN surplus_of IS NULL THEN $1 ELSE interval '5 minutes' END), surplus_of
        FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            AS r(message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, token, due_at, surplus_of)
        RETURNING id
        """;

    private const string ArchiveSql =
        """
        archived AS (
            INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
            SELECT message_id, type, subject, time, headers::json, convert_from(body, 'UTF8')::json
            FROM unnest($2, $7, $8, $13, $14, $15) AS e(message_id, headers, body, type, subject, time) WHERE type IS NOT NULL
            ON CONFLICT (event_id) DO NOTHING)
        """;

    private const string CancelSql = "DELETE FROM messaging.outbox WHERE token = ANY";
    private const string ArchivingSql = $"WITH {ArchiveSql} {InsertSql}";
    private const string CancellingSql = $"WITH cancelled AS ({CancelSql}($13)) {InsertSql}";
    private const string CancellingAndArchivingSql = $"WITH cancelled AS ({CancelSql}($16)), {ArchiveSql} {InsertSql}";

    /// <param name="rows">What is sent, and archived where it says so.</param>
    /// <param name="lease">How long an immediate row belongs to this process.</param>
    /// <param name="cancelled">Tokens of earlier rows that are taken back.</param>
    public static NpgsqlBatchCommand Insert(IReadOnlyList<OutboxRow> rows, TimeSpan lease, params Guid[] cancelled)
    {
        var archives = rows.Any(row => row.Archive is not null);
        var command = new NpgsqlBatchCommand(archives
            ? cancelled.Length > 0 ? CancellingAndArchivingSql : ArchivingSql
            : cancelled.Length > 0 ? CancellingSql : InsertSql)
        {
            Parameters =
            {
                new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval },
                Array(rows, row => row.MessageId),
                Array(rows, row => row.Key),
                Array(rows, row => row.Exchange),
                Array(rows, row => row.RoutingKey),
                Array(rows, row => row.ContentType),
                Array(rows, row => HeaderJson.Write(row.Headers)),
                Array(rows, row => row.Body),
                Array(rows, row => row.Mandatory),
                Array(rows, row => row.Token),
                Array(rows, row => row.DueAt?.UtcDateTime),
                Array(rows, row => row.IsSurplus ? row.TenantOrNone : null),
            },
        };
        if (archives)
        {
            command.Parameters.Add(Array(rows, row => row.Archive?.Type));
            command.Parameters.Add(Array(rows, row => row.Archive?.Subject));
            command.Parameters.Add(Array(rows, row => row.Archive?.Time.UtcDateTime));
        }

        if (cancelled.Length > 0)
        {
            command.Parameters.AddValue(cancelled);
        }

        return command;
    }

    public static NpgsqlBatchCommand Cancel(Guid[] tokens) =>
        new($"{CancelSql}($1)") { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = tokens } } };

    /// <summary>Runs the batch and gives the rows their keys.</summary>
    public static async Task ExecuteAsync(NpgsqlBatch batch, IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var next = FirstWithoutKey(rows);
        do
        {
            while (await reader.ReadAsync(ct))
            {
                rows[next++].Id = reader.GetInt64(0);
            }
        }
        while (await reader.NextResultAsync(ct));
    }

    /// <inheritdoc cref="ExecuteAsync"/>
    public static void Execute(NpgsqlBatch batch, IReadOnlyList<OutboxRow> rows)
    {
        using var reader = batch.ExecuteReader();
        var next = FirstWithoutKey(rows);
        do
        {
            while (reader.Read())
            {
                rows[next++].Id = reader.GetInt64(0);
            }
        }
        while (reader.NextResult());
    }

    private static NpgsqlParameter<T[]> Array<T>(IReadOnlyList<OutboxRow> rows, Func<OutboxRow, T> value) => new() { TypedValue = [.. rows.Select(value)] };

    // A transaction may write several times.
    private static int FirstWithoutKey(IReadOnlyList<OutboxRow> rows) => rows.TakeWhile(row => row.Id != 0).Count();
}
