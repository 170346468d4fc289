using Chassis.Messaging.Outbox;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Relay;

/// <summary>The relay's side of the outbox table.</summary>
internal sealed class OutboxStore(NpgsqlDataSource database)
{
    // SKIP LOCKED: several replicas share the work. now(), because the index can only be used with a stable time.
    private const string ClaimSql =
        """
        WITH due AS (
            SELECT id, due_at FROM messaging.outbox
            WHERE due_at <= now() AND parked_at IS NULL
            ORDER BY due_at LIMIT $1
            FOR UPDATE SKIP LOCKED)
        UPDATE messaging.outbox AS o SET due_at = clock_timestamp() + $2
        FROM due WHERE o.id = due.id
        RETURNING o.id, o.message_id, o.outbox_key, o.exchange, o.routing_key, o.content_type, o.headers, o.body, o.mandatory, o.attempts,
                  due.due_at, o.scheduled, o.created_at
        """;

    private const string NextSql = "SELECT due_at - clock_timestamp() FROM messaging.outbox WHERE parked_at IS NULL ORDER BY due_at LIMIT 1";

    // Ids alone are not enough: what has been sent is written down until the database answers, and that may be a copy that has lost the last commits and given the ids to
    // other messages.
    private const string DeleteSql =
        "DELETE FROM messaging.outbox o USING unnest($1::bigint[], $2::uuid[]) AS sent(id, message_id) WHERE o.id = sent.id AND o.message_id = sent.message_id";

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

    /// <summary>Takes over rows that are due, in the order of their ids, and tells when the next one will be.</summary>
    public async Task<(List<OutboxRow> Rows, TimeSpan? Next)> ClaimAsync(int limit, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
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
                    },
                },
                new NpgsqlBatchCommand(NextSql),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var rows = new List<OutboxRow>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(await ReadAsync(reader, cancellationToken));
        }

        await reader.NextResultAsync(cancellationToken);
        TimeSpan? next = await reader.ReadAsync(cancellationToken) ? reader.GetFieldValue<TimeSpan>(0) : null;
        rows.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return (rows, next);
    }

    /// <summary>Moves on the time until which rows belong to this process.</summary>
    public async Task KeepAsync(IReadOnlyList<OutboxRow> rows, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(KeepSql);
        AddKeys(command, rows);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = lease, NpgsqlDbType = NpgsqlDbType.Interval });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task DeleteAsync(IReadOnlyList<OutboxRow> rows, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(DeleteSql);
        AddKeys(command, rows);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Counts a failed attempt and puts the rows back for later, or aside for good.</summary>
    /// <returns>How many were put aside.</returns>
    public async Task<int> RefuseAsync(IReadOnlyList<OutboxRow> rows, string error, TimeSpan backoff, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(RefuseSql);
        AddKeys(command, rows);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = error });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = backoff, NpgsqlDbType = NpgsqlDbType.Interval });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        var parked = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            parked += reader.GetBoolean(0) ? 1 : 0;
        }

        return parked;
    }

    /// <summary>Makes the parked rows due, as if nobody had tried yet.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ReleaseAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "UPDATE messaging.outbox SET parked_at = NULL, attempts = 0, due_at = clock_timestamp() WHERE parked_at IS NOT NULL");
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Writes rows in a transaction of their own, for what happens outside of any unit of work.</summary>
    public async Task InsertAsync(IReadOnlyList<OutboxRow> rows, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        foreach (var row in rows)
        {
            batch.BatchCommands.Add(OutboxSql.Insert(row, lease));
        }

        await OutboxSql.ExecuteAsync(batch, rows, cancellationToken);
    }

    public async Task CancelAsync(Guid token, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("DELETE FROM messaging.outbox WHERE token = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = token });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The figures for operators. It counts rows: not for a hot path.</summary>
    public async Task<OutboxFigures> FiguresAsync(double dispatchRate, CancellationToken cancellationToken)
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
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new OutboxFigures(
            reader.GetInt64(0), Math.Round(Math.Max(0, reader.GetDouble(1)), 3), reader.GetInt64(2), reader.GetInt64(3), dispatchRate, reader.GetInt64(4));
    }

    private static void AddKeys(NpgsqlCommand command, IReadOnlyList<OutboxRow> rows)
    {
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(r => r.Id)] });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. rows.Select(r => r.MessageId)] });
    }

    private static async Task<OutboxRow> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var dueAt = reader.GetFieldValue<DateTimeOffset>(10);
        var scheduled = reader.GetBoolean(11);
        return new OutboxRow
        {
            Id = reader.GetInt64(0),
            MessageId = reader.GetGuid(1),
            Key = await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2),
            Exchange = reader.GetString(3),
            RoutingKey = reader.GetString(4),
            ContentType = reader.GetString(5),
            Headers = HeaderJson.Read(reader.GetString(6)),
            Body = reader.GetFieldValue<byte[]>(7),
            Mandatory = reader.GetBoolean(8),
            Since = scheduled ? dueAt : reader.GetFieldValue<DateTimeOffset>(12),
        };
    }
}
