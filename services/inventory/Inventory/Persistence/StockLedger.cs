using System.Text.Json;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Persistence;

/// <summary>The figures of one sku after a movement.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Version">Number of its movements so far.</param>
/// <param name="OnHand">Pieces in the warehouse.</param>
/// <param name="Reserved">Pieces of those that are set aside.</param>
/// <param name="Shipped">Pieces that left.</param>
/// <param name="ReorderPoint">Where stock is low; null when nobody wants to know.</param>
public sealed record StockFigures(string Sku, int Version, int OnHand, int Reserved, long Shipped, int? ReorderPoint)
{
    public int Available => OnHand - Reserved;

    /// <summary>Whether a movement that took <paramref name="quantity"/> from what is available crossed the reorder point.</summary>
    public bool FellToReorderPoint(int quantity) => Available <= ReorderPoint && Available + quantity > ReorderPoint;
}

/// <summary>
/// The only writer of stock. A movement changes the figures and writes its line of the ledger in one statement, and is refused when there would be
/// less on hand than reserved. Rows are locked in sku order, whoever books: two bookings never wait for each other in a circle.
/// </summary>
public sealed class StockLedger(InventoryDbContext db, TimeProvider clock)
{
    // $1 sku, $2 kind, $3 quantity, $4 to $8 changes of received, adjusted, on_hand, reserved, shipped, $9 order, $10 reference, $11 when,
    // $12 correlation id, $13 user
    private const string Move =
        """
        WITH moved AS (
            UPDATE stock SET
                received = received + $4, adjusted = adjusted + $5,
                on_hand = on_hand + $6, reserved = reserved + $7, shipped = shipped + $8, version = version + 1
            WHERE sku = $1 AND on_hand + $6 >= reserved + $7 @condition
            RETURNING sku, version, on_hand, reserved, shipped, reorder_point
        ), booked AS (
            INSERT INTO movements (
                sku, version, kind, quantity, on_hand_change, reserved_change, shipped_change, on_hand, reserved, shipped,
                order_id, reference, occurred_at, correlation_id, user_id)
            SELECT sku, version, $2, $3, $6, $7, $8, on_hand, reserved, shipped, $9, $10, $11, $12, $13 FROM moved
        )
        SELECT version, on_hand, reserved, shipped, reorder_point FROM moved
        """;

    private static readonly string MoveAlways = Move.Replace("@condition", "", StringComparison.Ordinal);

    // $14: the try that made the reservation. A duplicate that lost the race for it moves nothing.
    private static readonly string MoveForAttempt =
        Move.Replace("@condition", "AND EXISTS (SELECT FROM reservations WHERE order_id = $9 AND attempt = $14)", StringComparison.Ordinal);

    private const int MaxAttempts = 5;

    private NpgsqlConnection Connection => (NpgsqlConnection)db.Database.GetDbConnection();

    private NpgsqlTransaction Transaction => (NpgsqlTransaction)(db.Database.CurrentTransaction
        ?? throw new InvalidOperationException("Stock moves inside a transaction only.")).GetDbTransaction();

    /// <summary>Makes the stock row of a new product.</summary>
    public Task OpenAsync(IReadOnlyList<(string Sku, int? ReorderPoint)> skus, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync(
            $"INSERT INTO stock (sku, reorder_point) SELECT * FROM unnest({skus.Select(s => s.Sku).ToArray()}, {skus.Select(s => s.ReorderPoint).ToArray()})", ct);

    /// <summary>Pieces that came in. Null when the sku has no stock of its own.</summary>
    public Task<StockFigures?> ReceiveAsync(string sku, int quantity, string reference, CancellationToken ct) =>
        SingleAsync(MovementKind.Receipt, sku, quantity, reference, ct);

    /// <summary>Pieces found (or, negative, lost). Null when fewer than what is reserved would be left.</summary>
    public Task<StockFigures?> AdjustAsync(string sku, int quantity, string reason, CancellationToken ct) =>
        SingleAsync(MovementKind.Adjustment, sku, quantity, reason, ct);

    /// <summary>
    /// Makes the reservation row and sets its lines aside, in one round trip. Nothing is set aside unless everything is, and nothing if the order
    /// has a reservation already.
    /// </summary>
    public async Task<ReserveOutcome> ReserveAsync(Reservation reservation, CancellationToken ct)
    {
        for (var attempt = 1; attempt <= MaxAttempts; attempt++)
        {
            var (isNew, figures) = await TryReserveAsync(reservation, insert: attempt == 1, ct);
            if (!isNew)
            {
                return new ReserveOutcome(IsNew: false, [], []);
            }

            if (figures.All(f => f is not null))
            {
                return new ReserveOutcome(IsNew: true, figures!, []);
            }

            // Enough came back since the refusal, so that no shortage could be named: try again rather than refuse for no reason.
            if (await ShortagesAsync(reservation.Lines, ct) is { Count: > 0 } shortages)
            {
                return new ReserveOutcome(IsNew: true, [], shortages);
            }
        }

        throw new TimeoutException($"The stock for order {reservation.OrderId} changed {MaxAttempts} times while it was looked at.");
    }

    /// <summary>Gives back what is set aside for an order.</summary>
    public Task<IReadOnlyList<StockFigures>> ReleaseAsync(Guid orderId, IReadOnlyList<SkuQuantity> lines, CancellationToken ct) =>
        AllAsync(MovementKind.Release, orderId, lines, ct);

    /// <summary>What is set aside for an order leaves.</summary>
    public Task<IReadOnlyList<StockFigures>> ShipAsync(Guid orderId, IReadOnlyList<SkuQuantity> lines, CancellationToken ct) =>
        AllAsync(MovementKind.Shipment, orderId, lines, ct);

    private async Task<(bool IsNew, StockFigures?[] Figures)> TryReserveAsync(Reservation reservation, bool insert, CancellationToken ct)
    {
        var lines = reservation.Lines;
        await using var batch = new NpgsqlBatch(Connection, Transaction);
        if (insert)
        {
            batch.BatchCommands.Add(Insert(reservation));
        }

        // A single line is all or nothing by itself.
        if (lines.Count > 1)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SAVEPOINT reserving"));
        }

        foreach (var line in lines)
        {
            var move = Booking(MovementKind.Reservation, line.Sku, line.Quantity, reservation.OrderId, null, MoveForAttempt);
            move.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = reservation.Attempt!.Value });
            batch.BatchCommands.Add(move);
        }

        var figures = new StockFigures?[lines.Count];
        await using (var reader = await batch.ExecuteReaderAsync(ct))
        {
            if (insert)
            {
                if (!await reader.ReadAsync(ct))
                {
                    return (false, []);
                }

                await reader.NextResultAsync(ct);
            }

            for (var i = 0; i < lines.Count; i++)
            {
                figures[i] = await reader.ReadAsync(ct) ? Figures(reader, lines[i].Sku) : null;
                await reader.NextResultAsync(ct);
            }
        }

        if (lines.Count > 1 && figures.Contains(null))
        {
            await using var undo = new NpgsqlCommand("ROLLBACK TO SAVEPOINT reserving", Connection, Transaction);
            await undo.ExecuteNonQueryAsync(ct);
        }

        return (true, figures);
    }

    private async Task<IReadOnlyList<Shortage>> ShortagesAsync(IReadOnlyList<SkuQuantity> lines, CancellationToken ct)
    {
        var skus = lines.Select(l => l.Sku).ToArray();
        var available = await db.Stock.AsNoTracking().Where(s => skus.Contains(s.Sku))
            .ToDictionaryAsync(s => s.Sku, s => s.OnHand - s.Reserved, StringComparer.Ordinal, ct);
        return
        [
            .. lines.Select(l => new Shortage(l.Sku, l.Quantity, available.GetValueOrDefault(l.Sku))).Where(s => s.Available < s.Requested),
        ];
    }

    private static NpgsqlBatchCommand Insert(Reservation r)
    {
        // The first statement of the transaction on this order: a duplicate waits here, not at the stock.
        var insert = new NpgsqlBatchCommand(
            """
            INSERT INTO reservations (order_id, status, items, lines, has_recipes, attempt, version, created_at, reserved_at, expires_at)
            VALUES ($1, 'reserved', $2, $3, $4, $5, 1, $6, $6, $7)
            ON CONFLICT (order_id) DO NOTHING
            RETURNING version
            """);
        insert.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = r.OrderId });
        insert.Parameters.Add(Json(r.Items));
        insert.Parameters.Add(Json(r.Lines));
        insert.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = r.HasRecipes });
        insert.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = r.Attempt!.Value });
        insert.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = r.CreatedAt });
        insert.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = r.ExpiresAt!.Value });
        return insert;
    }

    private static NpgsqlParameter<string> Json(IReadOnlyList<SkuQuantity> lines) =>
        new NpgsqlParameter<string> { TypedValue = JsonSerializer.Serialize(lines, ContractJson.Options), NpgsqlDbType = NpgsqlDbType.Jsonb };

    private static StockFigures Figures(NpgsqlDataReader reader, string sku) => new(
        sku, reader.GetInt32(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetInt64(3), reader.IsDBNull(4) ? null : reader.GetInt32(4));

    private async Task<StockFigures?> SingleAsync(MovementKind kind, string sku, int quantity, string reference, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(Connection, Transaction);
        batch.BatchCommands.Add(Booking(kind, sku, quantity, null, reference, MoveAlways));
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
            batch.BatchCommands.Add(Booking(kind, line.Sku, line.Quantity, orderId, null, MoveAlways));
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
            },
        };
    }
}

/// <summary>What became of a reservation.</summary>
/// <param name="IsNew">False when the order had one already; nothing was done then.</param>
/// <param name="Figures">The stock after it; empty when nothing is set aside.</param>
/// <param name="Shortages">What there was too little of.</param>
public sealed record ReserveOutcome(bool IsNew, IReadOnlyList<StockFigures> Figures, IReadOnlyList<Shortage> Shortages);
