using System.Text.Json;
using Chassis;
using Contracts.Events;
using Inventory.Domain;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Inventory.Persistence;

/// <summary>
/// The only writer of stock. A movement changes the figures and writes its line of the ledger in one statement, and is refused when there would be
/// less on hand than reserved. Rows are locked in sku order, whoever books: two bookings never wait for each other in a circle.
/// </summary>
public sealed class StockLedger(InventoryDbContext db, TimeProvider clock)
{
    // $1 sku, $2 kind, $3 quantity, $4 to $8 changes of received, adjusted, on_hand, reserved, shipped, $9 order, $10 reference, $11 when,
    // $12 correlation id, $13 user, $14 tenant
    private const string Move =
        """
        WITH moved AS (
            UPDATE stock SET
                received = received + $4, adjusted = adjusted + $5,
                on_hand = on_hand + $6, reserved = reserved + $7, shipped = shipped + $8, version = version + 1
            WHERE sku = $1 AND on_hand + $6 >= reserved + $7
            RETURNING sku, version, on_hand, reserved, shipped, reorder_point
        ), booked AS (
            INSERT INTO movements (
                sku, version, kind, quantity, on_hand_change, reserved_change, shipped_change, on_hand, reserved, shipped,
                order_id, reference, occurred_at, correlation_id, user_id, tenant_id)
            SELECT sku, version, $2, $3, $6, $7, $8, on_hand, reserved, shipped, $9, $10, $11, $12, $13, $14 FROM moved
        )
        SELECT version, on_hand, reserved, shipped, reorder_point FROM moved
        """;

    private NpgsqlConnection Connection => (NpgsqlConnection)db.Database.GetDbConnection();

    private NpgsqlTransaction Transaction => (NpgsqlTransaction)(db.Database.CurrentTransaction
        ?? throw new InvalidOperationException("Stock moves inside a transaction only.")).GetDbTransaction();

    /// <summary>Makes the stock row of a new product.</summary>
    public Task OpenAsync(IReadOnlyList<(string Sku, int? ReorderPoint)> skus, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync(
            $"INSERT INTO stock (sku, reorder_point) SELECT * FROM unnest({skus.Select(s => s.Sku).ToArray()}, {skus.Select(s => s.ReorderPoint).ToArray()})",
            ct);

    /// <summary>Pieces that came in. Null when the sku has no stock of its own.</summary>
    public Task<StockFigures?> ReceiveAsync(string sku, int quantity, string reference, CancellationToken ct) =>
        SingleAsync(MovementKind.Receipt, sku, quantity, reference, ct);

    /// <summary>Pieces found (or, negative, lost). Null when fewer than what is reserved would be left.</summary>
    public Task<StockFigures?> AdjustAsync(string sku, int quantity, string reason, CancellationToken ct) =>
        SingleAsync(MovementKind.Adjustment, sku, quantity, reason, ct);

    /// <summary>The stock of these skus, locked until the transaction ends, and those of the orders that have a reservation already.</summary>
    public async Task<(Dictionary<string, StockFigures> Stock, HashSet<Guid> Known)> LockAsync(
        IEnumerable<string> skus, IEnumerable<Guid> orderIds, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(Connection, Transaction)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(
                    "SELECT sku, version, on_hand, reserved, shipped, reorder_point FROM stock WHERE sku = ANY($1) ORDER BY sku FOR NO KEY UPDATE")
                {
                    Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. skus] } },
                },

                // Second, so that it sees what was committed while the first one waited.
                new NpgsqlBatchCommand("SELECT order_id FROM reservations WHERE order_id = ANY($1)")
                {
                    Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = [.. orderIds] } },
                },
            },
        };
        var stock = new Dictionary<string, StockFigures>(StringComparer.Ordinal);
        var known = new HashSet<Guid>();
        await using var reader = await batch.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            stock[reader.GetString(0)] = Figures(reader, reader.GetString(0), 1);
        }

        await reader.NextResultAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            known.Add(reader.GetGuid(0));
        }

        return (stock, known);
    }

    /// <summary>
    /// Writes reservations, whose lines were taken from locked stock, in one round trip. The update keeps its condition: whoever miscounts is refused.
    /// </summary>
    /// <returns>False when one of the orders got a reservation meanwhile; the transaction is of no use then.</returns>
    public async Task<bool> BookAsync(IReadOnlyList<Reservation> reservations, IReadOnlyList<BookedLine> lines, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(Connection, Transaction) { BatchCommands = { Insert(reservations) } };
        var taken = lines.GroupBy(l => l.After.Sku).ToList();
        if (taken.Count > 0)
        {
            batch.BatchCommands.Add(Take(taken));
            batch.BatchCommands.Add(Write(lines));
        }

        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (await CountAsync(reader, ct) != reservations.Count)
        {
            return false;
        }

        if (taken.Count > 0 && await CountAsync(reader, ct) != taken.Count)
        {
            throw new InvalidOperationException("Locked stock has changed.");
        }

        return true;

        static async Task<int> CountAsync(NpgsqlDataReader reader, CancellationToken ct)
        {
            var count = 0;
            while (await reader.ReadAsync(ct))
            {
                count++;
            }

            await reader.NextResultAsync(ct);
            return count;
        }
    }

    /// <summary>Gives back what is set aside for an order.</summary>
    public Task<IReadOnlyList<StockFigures>> ReleaseAsync(Guid orderId, IReadOnlyList<SkuQuantity> lines, CancellationToken ct) =>
        AllAsync(MovementKind.Release, orderId, lines, ct);

    /// <summary>What is set aside for an order leaves.</summary>
    public Task<IReadOnlyList<StockFigures>> ShipAsync(Guid orderId, IReadOnlyList<SkuQuantity> lines, CancellationToken ct) =>
        AllAsync(MovementKind.Shipment, orderId, lines, ct);

    private static NpgsqlBatchCommand Insert(IReadOnlyList<Reservation> reservations) => new(
        """
        INSERT INTO reservations (order_id, tenant_id, status, items, lines, shortages, reason, has_recipes, version, created_at, reserved_at, expires_at, ended_at)
        SELECT order_id, tenant_id, status, items, lines, shortages, reason, has_recipes, 1, created_at, reserved_at, expires_at, ended_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            AS r(order_id, tenant_id, status, items, lines, shortages, reason, has_recipes, created_at, reserved_at, expires_at, ended_at)
        ORDER BY order_id
        ON CONFLICT (order_id) DO NOTHING
        RETURNING 1
        """)
    {
        Parameters =
        {
            new NpgsqlParameter<Guid[]> { TypedValue = [.. reservations.Select(r => r.OrderId)] },
            new NpgsqlParameter<string?[]> { TypedValue = [.. reservations.Select(r => r.TenantId)] },
            new NpgsqlParameter<string[]> { TypedValue = [.. reservations.Select(r => r.Status.ToString().ToLowerInvariant())] },
            Json(reservations.Select(r => Serialize(r.Items))),
            Json(reservations.Select(r => Serialize(r.Lines))),
            Json(reservations.Select(r => r.Shortages is null ? null : Serialize(r.Shortages))),
            new NpgsqlParameter<string?[]> { TypedValue = [.. reservations.Select(r => r.Reason)] },
            new NpgsqlParameter<bool[]> { TypedValue = [.. reservations.Select(r => r.HasRecipes)] },
            new NpgsqlParameter<DateTimeOffset[]> { TypedValue = [.. reservations.Select(r => r.CreatedAt)] },
            new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = [.. reservations.Select(r => r.ReservedAt)] },
            new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = [.. reservations.Select(r => r.ExpiresAt)] },
            new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = [.. reservations.Select(r => r.EndedAt)] },
        },
    };

    private static NpgsqlBatchCommand Take(List<IGrouping<string, BookedLine>> taken) => new(
        """
        UPDATE stock SET reserved = reserved + taken.pieces, version = version + taken.movements
        FROM unnest($1, $2, $3) AS taken(sku, pieces, movements)
        WHERE stock.sku = taken.sku AND on_hand - reserved >= taken.pieces
        RETURNING 1
        """)
    {
        Parameters =
        {
            new NpgsqlParameter<string[]> { TypedValue = [.. taken.Select(t => t.Key)] },
            new NpgsqlParameter<int[]> { TypedValue = [.. taken.Select(t => t.Sum(l => l.Quantity))] },
            new NpgsqlParameter<int[]> { TypedValue = [.. taken.Select(t => t.Count())] },
        },
    };

    private NpgsqlBatchCommand Write(IReadOnlyList<BookedLine> lines) => new(
        """
        INSERT INTO movements (
            sku, version, kind, quantity, on_hand_change, reserved_change, shipped_change, on_hand, reserved, shipped,
            order_id, occurred_at, correlation_id, user_id, tenant_id)
        SELECT sku, version, 'reservation', quantity, 0, quantity, 0, on_hand, reserved, shipped, order_id, $11, correlation_id, user_id, tenant_id
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            AS m(sku, version, quantity, on_hand, reserved, shipped, order_id, correlation_id, user_id, tenant_id)
        """)
    {
        Parameters =
        {
            new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(l => l.After.Sku)] },
            new NpgsqlParameter<int[]> { TypedValue = [.. lines.Select(l => l.After.Version)] },
            new NpgsqlParameter<int[]> { TypedValue = [.. lines.Select(l => l.Quantity)] },
            new NpgsqlParameter<int[]> { TypedValue = [.. lines.Select(l => l.After.OnHand)] },
            new NpgsqlParameter<int[]> { TypedValue = [.. lines.Select(l => l.After.Reserved)] },
            new NpgsqlParameter<long[]> { TypedValue = [.. lines.Select(l => l.After.Shipped)] },
            new NpgsqlParameter<Guid[]> { TypedValue = [.. lines.Select(l => l.OrderId)] },
            new NpgsqlParameter<string[]> { TypedValue = [.. lines.Select(l => l.Operation.CorrelationId)] },
            new NpgsqlParameter<string?[]> { TypedValue = [.. lines.Select(l => l.Operation.UserId)] },
            new NpgsqlParameter<string?[]> { TypedValue = [.. lines.Select(l => l.Operation.TenantId)] },
            new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.Now() },
        },
    };

    private static string Serialize<T>(T value) => JsonSerializer.Serialize(value, ContractJson.Options);

    private static NpgsqlParameter<string?[]> Json(IEnumerable<string?> texts) =>
        new() { TypedValue = [.. texts], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };

    private static StockFigures Figures(NpgsqlDataReader reader, string sku, int first = 0) => new(
        sku, reader.GetInt32(first), reader.GetInt32(first + 1), reader.GetInt32(first + 2), reader.GetInt64(first + 3),
        reader.IsDBNull(first + 4) ? null : reader.GetInt32(first + 4));

    private async Task<StockFigures?> SingleAsync(MovementKind kind, string sku, int quantity, string reference, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(Connection, Transaction);
        batch.BatchCommands.Add(Booking(kind, sku, quantity, null, reference, Move));
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? Figures(reader, sku) : null;
    }

    private async Task<IReadOnlyList<StockFigures>> AllAsync(MovementKind kind, Guid orderId, IReadOnlyList<SkuQuantity> lines, CancellationToken ct)
    {
        if (lines.Count == 0)
        {
            return [];
        }

        var ordered = lines.OrderBy(l => l.Sku, StringComparer.Ordinal).ToList();
        await using var batch = new NpgsqlBatch(Connection, Transaction);
        foreach (var line in ordered)
        {
            batch.BatchCommands.Add(Booking(kind, line.Sku, line.Quantity, orderId, null, Move));
        }

        var figures = new List<StockFigures>(ordered.Count);
        await using var reader = await batch.ExecuteReaderAsync(ct);
        foreach (var line in ordered)
        {
            // The reservation row is locked and says that these pieces are set aside, so the stock row must have them.
            figures.Add(await reader.ReadAsync(ct)
                ? Figures(reader, line.Sku)
                : throw new InvalidOperationException($"The stock of {line.Sku} does not have what is set aside for order {orderId}."));
            await reader.NextResultAsync(ct);
        }

        return figures;
    }

    private NpgsqlBatchCommand Booking(MovementKind kind, string sku, int quantity, Guid? orderId, string? reference, string sql)
    {
        var (received, adjusted, onHand, reserved, shipped) = kind switch
        {
            MovementKind.Receipt => (quantity, 0, quantity, 0, 0),
            MovementKind.Adjustment => (0, quantity, quantity, 0, 0),
            MovementKind.Reservation => (0, 0, 0, quantity, 0),
            MovementKind.Release => (0, 0, 0, -quantity, 0),
            MovementKind.Shipment => (0, 0, -quantity, -quantity, quantity),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };
        var operation = OperationContext.Current;
        return new NpgsqlBatchCommand(sql)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = sku },
                new NpgsqlParameter<string> { TypedValue = kind.ToString().ToLowerInvariant() },
                new NpgsqlParameter<int> { TypedValue = quantity },
                new NpgsqlParameter<int> { TypedValue = received },
                new NpgsqlParameter<int> { TypedValue = adjusted },
                new NpgsqlParameter<int> { TypedValue = onHand },
                new NpgsqlParameter<int> { TypedValue = reserved },
                new NpgsqlParameter<int> { TypedValue = shipped },
                new NpgsqlParameter { Value = (object?)orderId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                new NpgsqlParameter { Value = (object?)reference ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.Now() },
                new NpgsqlParameter { Value = operation.CorrelationId, NpgsqlDbType = NpgsqlDbType.Text },
                new NpgsqlParameter { Value = (object?)operation.UserId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new NpgsqlParameter { Value = (object?)operation.TenantId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
    }
}

/// <summary>A line of a reservation that was taken from locked stock.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Quantity">Pieces.</param>
/// <param name="After">The stock after it.</param>
/// <param name="Operation">What it belongs to.</param>
public sealed record BookedLine(Guid OrderId, int Quantity, StockFigures After, OperationContext Operation);
