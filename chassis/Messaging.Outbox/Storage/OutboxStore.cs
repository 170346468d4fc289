using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>The relay's side of the outbox table.</summary>
internal sealed class OutboxStore(NpgsqlDataSource database, EventCatalogue catalogue)
{
    private const string Columns = "id, message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, due_at, scheduled, created_at, surplus_of";

    // SKIP LOCKED: several replicas share the work. now(), because the index can only be used with a stable time. The rows are moved on by their ids and not by
    // a join: with statistics of another moment that would read the whole table.
    internal const string ClaimSql =
        $"""
        WITH RECURSIVE due AS (
            SELECT {Columns} FROM messaging.outbox
            WHERE due_at >= $3 AND due_at <= now() AND parked_at IS NULL AND surplus_of IS NULL
            ORDER BY due_at LIMIT $1
            FOR UPDATE SKIP LOCKED),
        replayed AS (
            SELECT {Columns} FROM messaging.outbox
            WHERE due_at >= greatest($4, {OutboxSql.Replays}) AND parked_at IS NULL
            ORDER BY due_at LIMIT $5
            FOR UPDATE SKIP LOCKED),
        lines(tenant) AS (
            (SELECT surplus_of FROM messaging.outbox WHERE surplus_of IS NOT NULL ORDER BY surplus_of LIMIT least($5, 1))
            UNION ALL
            SELECT (SELECT surplus_of FROM messaging.outbox WHERE surplus_of > tenant ORDER BY surplus_of LIMIT 1) FROM lines WHERE tenant IS NOT NULL),
        surplus AS (
            SELECT line.* FROM (SELECT tenant FROM lines WHERE tenant IS NOT NULL ORDER BY random() LIMIT $5) AS chosen CROSS JOIN LATERAL (
                SELECT {Columns} FROM messaging.outbox
                WHERE surplus_of = chosen.tenant AND parked_at IS NULL
                ORDER BY id LIMIT greatest($5 / (SELECT count(*) FROM lines WHERE tenant IS NOT NULL), 1)
                FOR UPDATE SKIP LOCKED) AS line),
        claimed AS (
            UPDATE messaging.outbox SET due_at = clock_timestamp() + $2, surplus_of = NULL
            WHERE id = ANY (ARRAY(SELECT id FROM due UNION ALL SELECT id FROM replayed UNION ALL SELECT id FROM surplus)))
        SELECT *, 'due' FROM due UNION ALL SELECT *, 'replayed' FROM replayed UNION ALL SELECT *, 'surplus' FROM surplus
        """;

    // What is due by now has been claimed, or somebody else is about to.
    private const string NextSql =
        "SELECT (SELECT due_at FROM messaging.outbox WHERE due_at > now() AND parked_at IS NULL ORDER BY due_at LIMIT 1) - clock_timestamp(), now()";

    // The times of a microsecond apart keep the order for whoever sweeps.
    private const string ReplaySql =
        """
        INSERT INTO messaging.outbox (message_id, outbox_key, exchange, routing_key, content_type, headers, body, mandatory, scheduled, due_at)
        SELECT event_id, $5, $9, $6, $7, headers::jsonb || $8, convert_to(data::text, 'UTF8'), true, false,
               now() + interval '1000 years' + (row_number() OVER (ORDER BY position)) * interval '1 microsecond'
        FROM messaging.boundary_events
        WHERE time >= $1 AND time < $2 AND ($3 OR type = ANY($4)) AND ($10 IS NULL OR subject = $10)
        ORDER BY position
        """;

    // Ids alone are not enough: what has been sent is written down until the database answers, and that may be a copy that has lost the last commits and given
    // the ids to other messages. What a crash of the database brings back is sent again under its id, as after a crash of ours.
    private const string DeleteSql =
        $"""
        DELETE FROM messaging.outbox o USING unnest($1::bigint[], $2::uuid[]) AS sent(id, message_id), ({Flush.NotAwaited}) AS flush
        WHERE o.id = sent.id AND o.message_id = sent.message_id
        """;

    private const string KeepSql =
        """
        UPDATE messaging.outbox o SET due_at = clock_timestamp() + $3
        FROM unnest($1::bigint[], $2::uuid[]) AS kept(id, message_id) WHERE o.id = kept.id AND o.message_id = kept.message_id
        """;

    private const string RefuseSql =
        """
        UPDATE messaging.outbox o SET
            attempts = attempts + 1,
            last_error = $3,
            due_at = clock_timestamp() + least($4 * power(2, least(attempts, 20)), interval '5 minutes') * (0.75 + random() / 2),
            parked_at = CASE WHEN attempts + 1 >= $5 THEN now() END
        FROM unnest($1::bigint[], $2::uuid[]) AS refused(id, message_id)
        WHERE o.id = refused.id AND o.message_id = refused.message_id RETURNING parked_at IS NOT NULL
        """;

    /// <summary>
    /// Takes over rows that are due, and beside them some of those that make room for others, in the order of their ids, and tells whether there are more or
    /// when the next one will be.
    /// </summary>
    /// <param name="limit">Of what is due.</param>
    /// <param name="behind">Of what is replayed, and of what is more than its tenant's share: as many of each.</param>
    /// <param name="watermark">From where on.</param>
    /// <param name="lease">How long they are the caller's.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<(List<OutboxRow> Rows, bool More, TimeSpan? Next)> ClaimAsync(
        int limit, int behind, Watermark watermark, TimeSpan lease, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var from = watermark.Begin();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(ClaimSql)
                {
                    Parameters =
                    {
                        new NpgsqlParameter<int> { TypedValue = limit },
                        new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval },
                        At(from.Due),
                        At(from.Replayed),
                        new NpgsqlParameter<int> { TypedValue = behind },
                    },
                },
                new NpgsqlBatchCommand(NextSql),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var rows = new List<OutboxRow>();
        var (due, replayed, lastDue, lastReplayed) = (0, 0, DateTime.MinValue, DateTime.MinValue);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(await ReadAsync(reader, ct));
            var at = reader.GetDateTime(9);
            switch (reader.GetString(13))
            {
                case "replayed":
                    replayed++;
                    lastReplayed = at > lastReplayed ? at : lastReplayed;
                    break;
                case "due":
                    due++;
                    lastDue = at > lastDue ? at : lastDue;
                    break;
            }
        }

        await reader.NextResultAsync(ct);
        await reader.ReadAsync(ct);
        TimeSpan? next = await reader.IsDBNullAsync(0, ct) ? null : reader.GetFieldValue<TimeSpan>(0);
        watermark.End(reader.GetDateTime(1), due == limit ? lastDue : null, replayed > 0 ? lastReplayed : null);
        rows.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return (rows, due == limit || (behind > 0 && (replayed == behind || rows.Count > due + replayed)), next);

        static NpgsqlParameter<DateTime> At(DateTime time) => new() { TypedValue = time, NpgsqlDbType = NpgsqlDbType.TimestampTz };
    }

    /// <summary>Moves on the time until which rows belong to this process.</summary>
    public async Task KeepAsync(IReadOnlyList<OutboxRow> rows, TimeSpan lease, CancellationToken ct)
    {
        await using var command = database.CreateCommand(KeepSql);
        AddKeys(command, rows);
        command.Parameters.AddValue(lease, NpgsqlDbType.Interval);
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task DeleteAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        await using var command = database.CreateCommand(DeleteSql);
        AddKeys(command, rows);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Counts a failed attempt and puts the rows back for later, or aside for good.</summary>
    /// <returns>How many were put aside.</returns>
    public async Task<int> RefuseAsync(IReadOnlyList<OutboxRow> rows, string error, TimeSpan backoff, int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(RefuseSql);
        AddKeys(command, rows);
        command.Parameters.AddValue(error);
        command.Parameters.AddValue(backoff, NpgsqlDbType.Interval);
        command.Parameters.AddValue(limit);
        var parked = 0;
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            parked += reader.GetBoolean(0) ? 1 : 0;
        }

        return parked;
    }

    /// <summary>Makes the parked rows due, as if nobody had tried yet.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ReleaseAsync(IAuditedCommit audit, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(
            "UPDATE messaging.outbox SET parked_at = NULL, attempts = 0, due_at = clock_timestamp() WHERE parked_at IS NOT NULL", connection, transaction);
        var released = await command.ExecuteNonQueryAsync(ct);
        await audit.CommitAsync(transaction, ct);
        return released;
    }

    /// <summary>Writes rows in a transaction of their own, for what happens outside of any unit of work.</summary>
    public async Task InsertAsync(IReadOnlyList<OutboxRow> rows, TimeSpan lease, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(OutboxSql.Insert(rows, lease));
        await OutboxSql.ExecuteAsync(batch, rows, ct);
    }

    /// <summary>Puts events of the archive behind all that is due, for one queue.</summary>
    /// <returns>How many.</returns>
    public async Task<long> ReplayAsync(
        Guid replay, string queue, DateTimeOffset from, DateTimeOffset to, IReadOnlyCollection<string>? types, string? subject, IAuditedCommit audit,
        CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(ReplaySql, connection, transaction);
        command.Parameters.AddValue(from.UtcDateTime);
        command.Parameters.AddValue(to.UtcDateTime);
        command.Parameters.AddValue(types is null);
        command.Parameters.AddValue<string[]>([.. types ?? []]);
        command.Parameters.AddValue("replay:" + replay);
        command.Parameters.AddValue(queue);
        command.Parameters.AddValue(MessageKeys.EventContentType);
        command.Parameters.AddValue(
            HeaderJson.Write(new Dictionary<string, string> { [CloudEventHeaders.Replay] = "true", [MessageKeys.ReplayId] = replay.ToString() }),
            NpgsqlDbType.Jsonb);
        command.Parameters.AddValue(catalogue.Exchanges.Replay);
        command.Parameters.AddValue(subject, NpgsqlDbType.Text);
        var replayed = await command.ExecuteNonQueryAsync(ct);
        await audit.CommitAsync(transaction, ct);
        return replayed;
    }

    public async Task CancelAsync(Guid token, CancellationToken ct)
    {
        await using var command = database.CreateCommand("DELETE FROM messaging.outbox WHERE token = $1");
        command.Parameters.AddValue(token);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The figures for operators. It counts rows: not for a hot path.</summary>
    public async Task<OutboxFigures> FiguresAsync(double dispatchRate, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT count(*) FILTER (WHERE parked_at IS NULL AND (NOT scheduled OR due_at <= now())),
                   coalesce(max(extract(epoch FROM now() - CASE WHEN scheduled THEN due_at ELSE created_at END))
                       FILTER (WHERE parked_at IS NULL AND (NOT scheduled OR due_at <= now())), 0)::float8,
                   count(*) FILTER (WHERE parked_at IS NULL AND scheduled AND due_at > now()),
                   count(*) FILTER (WHERE parked_at IS NOT NULL),
                   (SELECT count(*) FROM messaging.dead_letters WHERE status = 'open')
            FROM messaging.outbox
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new OutboxFigures(
            reader.GetInt64(0), Math.Round(Math.Max(0, reader.GetDouble(1)), 3), reader.GetInt64(2), reader.GetInt64(3), dispatchRate, reader.GetInt64(4));
    }

    private static void AddKeys(NpgsqlCommand command, IReadOnlyList<OutboxRow> rows)
    {
        command.Parameters.AddValue<long[]>([.. rows.Select(r => r.Id)]);
        command.Parameters.AddValue<Guid[]>([.. rows.Select(r => r.MessageId)]);
    }

    private static async Task<OutboxRow> ReadAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        var dueAt = reader.GetFieldValue<DateTimeOffset>(9);
        var scheduled = reader.GetBoolean(10);
        var (contentType, body) = (reader.GetString(5), reader.GetFieldValue<byte[]>(7));
        return new OutboxRow
        {
            Id = reader.GetInt64(0),
            MessageId = reader.GetGuid(1),
            Key = await reader.IsDBNullAsync(2, ct) ? null : reader.GetString(2),
            Exchange = reader.GetString(3),
            RoutingKey = reader.GetString(4),
            ContentType = contentType,
            Headers = HeaderJson.Read(reader.GetString(6)),
            Body = body,
            Mandatory = reader.GetBoolean(8),
            Since = scheduled ? dueAt : reader.GetFieldValue<DateTimeOffset>(11),
            Tenant = !await reader.IsDBNullAsync(12, ct) ? reader.GetString(12)
                : contentType == MessageKeys.CommandContentType ? EnvelopeReader.LabelOf(body).TenantId
                : null,
        };
    }
}
