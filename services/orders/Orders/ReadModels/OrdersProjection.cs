using System.Text.Json;
using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Orders.Domain;

namespace Orders.ReadModels;

/// <summary>One row per order, for reading by id and by customer: the fold of its events, written with them.</summary>
public sealed class OrdersProjection : Projection
{
    public const string ProjectionName = "orders";
    public const string Table = "orders";

    public override string Name => ProjectionName;

    public override ProjectionMode Mode => ProjectionMode.Consistent;

    public override IReadOnlyList<string> Tables => [Table];

    public override async Task ApplyAsync(IReadOnlyList<StoredEvent> events, ProjectionTarget target, CancellationToken ct)
    {
        var streams = events.Where(e => e.StreamType == OrderStore.StreamType).GroupBy(e => e.StreamId).OrderBy(g => g.Key).ToArray();
        var table = target.Table(Table);
        var rows = await ReadAsync(target.Connection, table, [.. streams.Where(s => s.First().Version > 1).Select(s => s.Key)], ct);
        var changed = new List<Row>(streams.Length);
        foreach (var stream in streams)
        {
            var row = rows.GetValueOrDefault(stream.Key) ?? new Row(null, 0, stream.First().Metadata.TenantId);
            foreach (var stored in stream)
            {
                if (stored.Version != row.Version + 1)
                {
                    throw new InvalidOperationException(
                        $"Order {stored.StreamId}: the read model is at version {row.Version} and cannot take version {stored.Version}.");
                }

                row = row with { State = Order.Evolve(row.State, (OrderEvent)stored.Data), Version = stored.Version };
            }

            changed.Add(row);
        }

        await WriteAsync(target.Connection, table, changed, ct);
    }

    // Who asked for a cancellation, and that it was asked for, stays; why, in somebody's own words, does not. Why an order failed is nobody's words.
    private const string WithoutPersonalData =
        """
        (document - 'shippingAddress')
            || CASE WHEN document ? 'cancellationReason' THEN jsonb_build_object('cancellationReason', 'erased') ELSE jsonb_build_object() END
            || CASE WHEN document ? 'reason' AND status = 'cancelled' THEN jsonb_build_object('reason', 'erased') ELSE jsonb_build_object() END
        """;

    private const string HasPersonalData = "(document ? 'shippingAddress' OR document ? 'cancellationReason' OR status = 'cancelled')";

    private const string ForgetSql = $"UPDATE orders SET document = {WithoutPersonalData} WHERE user_id = {{0}} AND {HasPersonalData}";

    public override async Task CompleteAsync(ProjectionTarget target, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            UPDATE {target.Table(Table)} SET document = {WithoutPersonalData}
            WHERE {HasPersonalData} AND user_id::text IN (SELECT subject FROM event_store.personal_keys WHERE key IS NULL)
            """,
            target.Connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>All orders of a customer, drafts as well.</summary>
    public static Task<List<Guid>> OrdersOfAsync(DbContext db, Guid userId, CancellationToken ct) =>
        db.Database.SqlQuery<Guid>($"SELECT id AS \"Value\" FROM orders WHERE user_id = {userId}").ToListAsync(ct);

    /// <summary>Takes the personal data of an erased customer out of the rows. Events lose it with the customer's key.</summary>
    public static Task ForgetAsync(DbContext db, Guid userId, CancellationToken ct) =>
        db.Database.ExecuteSqlRawAsync(ForgetSql, [userId], ct);

    public static OrderView View(string document, long version) => OrderView.Of(Deserialize(document), version);

    private static async Task<Dictionary<Guid, Row>> ReadAsync(NpgsqlConnection connection, string table, Guid[] ids, CancellationToken ct)
    {
        var rows = new Dictionary<Guid, Row>(ids.Length);
        if (ids.Length == 0)
        {
            return rows;
        }

        await using var command = new NpgsqlCommand($"SELECT id, document, version, tenant_id FROM {table} WHERE id = ANY($1) ORDER BY id FOR UPDATE", connection)
        {
            Parameters = { new() { Value = ids } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows[reader.GetGuid(0)] = new Row(Deserialize(reader.GetString(1)), reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetString(3));
        }

        return rows;
    }

    private static async Task WriteAsync(NpgsqlConnection connection, string table, IReadOnlyList<Row> rows, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO {table} (id, user_id, tenant_id, status, created_at, version, document)
            SELECT r.id, r.user_id, r.tenant_id, r.status, r.created_at, r.version, r.document::jsonb
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[])
                AS r(id, user_id, tenant_id, status, created_at, version, document)
            ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version, document = excluded.document
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = rows.Select(r => r.State!.Id).ToArray() },
                new() { Value = rows.Select(r => r.State!.UserId).ToArray() },
                new() { Value = rows.Select(r => r.TenantId).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = rows.Select(r => r.State!.Status.ToString().ToLowerInvariant()).ToArray() },
                new() { Value = rows.Select(r => r.State!.CreatedAt.ToUniversalTime()).ToArray() },
                new() { Value = rows.Select(r => r.Version).ToArray() },
                new() { Value = rows.Select(r => JsonSerializer.Serialize(r.State, EventSerializer.Options)).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    private static OrderState Deserialize(string document) => JsonSerializer.Deserialize<OrderState>(document, EventSerializer.Options)!;

    private sealed record Row(OrderState? State, long Version, string? TenantId);
}
