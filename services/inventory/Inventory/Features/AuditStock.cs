using Chassis.Web;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>One figure that is not what it should be.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Check">Which rule is broken.</param>
/// <param name="Expected">What the movements, reservations or shipments add up to.</param>
/// <param name="Actual">What the stock says.</param>
public sealed record StockDifference(string Sku, string Check, long Expected, long Actual);

/// <param name="Consistent">Whether there are no differences.</param>
/// <param name="CheckedAt">When.</param>
/// <param name="Skus">Stock rows that were checked.</param>
/// <param name="Movements">Lines of the ledger that were added up.</param>
/// <param name="Differences">What does not fit.</param>
public sealed record StockAudit(bool Consistent, DateTimeOffset CheckedAt, long Skus, long Movements, IReadOnlyList<StockDifference> Differences);

/// <summary>
/// Adds up everything again, without trusting any figure: the stock against the ledger, the ledger's gaplessness, what is reserved against the
/// open reservations, and what has shipped against the dispatched shipments. One statement, so that all of it is from one moment.
/// </summary>
public static class AuditStock
{
    private const int MaxDifferences = 1_000;

    public static RouteHandlerBuilder Map(RouteGroupBuilder ops) =>
        ops.MapGet("/stock-audit", Get)
            .RequireSystemOperator(InventoryPermissions.ReadStock)
            .WithName("AuditStock")
            .WithSummary("The figures against the movements, reservations and shipments.");

    public static async Task<StockAudit> RunAsync(InventoryDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var now = clock.Now();
        var rows = await db.Database.SqlQuery<AuditRow>(
            $"""
            WITH ledger AS (
                SELECT sku, count(*) AS lines, max(version) AS last,
                    coalesce(sum(on_hand_change) FILTER (WHERE kind = 'receipt'), 0) AS received,
                    coalesce(sum(on_hand_change) FILTER (WHERE kind = 'adjustment'), 0) AS adjusted,
                    sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved, sum(shipped_change) AS shipped
                FROM movements GROUP BY sku
            ), held AS (
                SELECT line ->> 'sku' AS sku, sum((line ->> 'quantity')::bigint) AS pieces
                FROM reservations r, jsonb_array_elements(r.lines) AS line WHERE r.status IN ('reserved', 'shipping') GROUP BY 1
            ), sent AS (
                SELECT line ->> 'sku' AS sku, sum((line ->> 'quantity')::bigint) AS pieces
                FROM shipments s, jsonb_array_elements(s.pick_list) AS line WHERE s.status = 'dispatched' GROUP BY 1
            ), checked AS (
                SELECT coalesce(stock.sku, ledger.sku, held.sku, sent.sku) AS sku, c.check, c.expected::bigint, c.actual::bigint
                FROM stock
                FULL JOIN ledger ON ledger.sku = stock.sku
                FULL JOIN held ON held.sku = coalesce(stock.sku, ledger.sku)
                FULL JOIN sent ON sent.sku = coalesce(stock.sku, ledger.sku, held.sku)
                CROSS JOIN LATERAL (VALUES
                    ('received equals its movements', coalesce(ledger.received, 0), coalesce(stock.received, 0)),
                    ('adjusted equals its movements', coalesce(ledger.adjusted, 0), coalesce(stock.adjusted, 0)),
                    ('on hand equals its movements', coalesce(ledger.on_hand, 0), coalesce(stock.on_hand, 0)),
                    ('reserved equals its movements', coalesce(ledger.reserved, 0), coalesce(stock.reserved, 0)),
                    ('shipped equals its movements', coalesce(ledger.shipped, 0), coalesce(stock.shipped, 0)),
                    ('received and adjusted are on hand or shipped', coalesce(stock.received + stock.adjusted, 0), coalesce(stock.on_hand + stock.shipped, 0)),
                    ('reserved equals the open reservations', coalesce(held.pieces, 0), coalesce(stock.reserved, 0)),
                    ('shipped equals the dispatched shipments', coalesce(sent.pieces, 0), coalesce(stock.shipped, 0)),
                    ('every movement is in the ledger', coalesce(stock.version, 0), coalesce(ledger.lines, 0)),
                    ('the ledger has no gaps', coalesce(ledger.lines, 0), coalesce(ledger.last, 0))
                ) AS c("check", expected, actual)
            )
            SELECT '' AS "Sku", '' AS "Check", (SELECT count(*) FROM stock) AS "Expected", (SELECT coalesce(sum(lines), 0)::bigint FROM ledger) AS "Actual"
            UNION ALL
            (SELECT sku, "check", expected, actual FROM checked WHERE expected <> actual ORDER BY sku, "check" LIMIT {MaxDifferences})
            """).ToListAsync(ct);
        var counts = rows.Single(r => r.Sku.Length == 0);
        var differences = rows.Where(r => r.Sku.Length > 0).Select(r => new StockDifference(r.Sku, r.Check, r.Expected, r.Actual)).ToList();
        return new StockAudit(differences.Count == 0, now, counts.Expected, counts.Actual, differences);
    }

    private static async Task<Ok<StockAudit>> Get(InventoryDbContext db, TimeProvider clock, CancellationToken ct) =>
        TypedResults.Ok(await RunAsync(db, clock, ct));

    private sealed record AuditRow(string Sku, string Check, long Expected, long Actual);
}
