using Chassis.Data;
using Chassis.EventSourcing;
using Orders.Domain;

namespace Orders.ReadModels;

/// <summary>
/// What was sold, by tenant, UTC day and product. An order is <c>placed</c> on the day it is submitted; it counts as sold, with pieces and revenue, on the day
/// it is completed: shipped and paid. Follows the events.
/// </summary>
public sealed class SalesProjection : Projection
{
    public const string ProjectionName = "sales";
    public const string ByDay = "sales_by_day";
    public const string ByProduct = "sales_by_product";

    public override string Name => ProjectionName;

    public override ProjectionMode Mode => ProjectionMode.Asynchronous;

    public override IReadOnlyList<string> Tables => [ByDay, ByProduct];

    public override async Task ApplyAsync(IReadOnlyList<StoredEvent> events, ProjectionTarget target, CancellationToken ct)
    {
        var days = new SortedDictionary<(string Tenant, DateOnly Day, string Currency), (long Placed, long Orders, long Quantity, decimal Revenue)>();
        var products = new SortedDictionary<(string Tenant, DateOnly Day, string Sku, string Currency), (long Orders, long Quantity, decimal Revenue)>();
        foreach (var stored in events)
        {
            var tenant = stored.Metadata.TenantId ?? "";
            switch (stored.Data)
            {
                case OrderSubmitted e:
                    var placed = (tenant, Day(e.At), e.Total.Currency);
                    var d = days.GetValueOrDefault(placed);
                    days[placed] = d with { Placed = d.Placed + 1 };
                    break;
                case OrderCompleted e:
                    var sold = (tenant, Day(e.At), e.Total.Currency);
                    var s = days.GetValueOrDefault(sold);
                    days[sold] = s with
                    {
                        Orders = s.Orders + 1,
                        Quantity = s.Quantity + e.Lines.Sum(l => (long)l.Quantity),
                        Revenue = s.Revenue + e.Total.Amount,
                    };
                    foreach (var line in e.Lines)
                    {
                        var key = (tenant, Day(e.At), line.Sku, line.UnitPrice.Currency);
                        var p = products.GetValueOrDefault(key);
                        products[key] = (p.Orders + 1, p.Quantity + line.Quantity, p.Revenue + line.Sum().Amount);
                    }

                    break;
            }
        }

        if (days.Count > 0)
        {
            await target.Connection.ExecuteAsync(
                $"""
                INSERT INTO {target.Table(ByDay)} AS t (tenant_id, day, currency, placed, orders, quantity, revenue)
                SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::numeric[])
                ON CONFLICT (tenant_id, day, currency) DO UPDATE SET placed = t.placed + excluded.placed, orders = t.orders + excluded.orders,
                    quantity = t.quantity + excluded.quantity, revenue = t.revenue + excluded.revenue
                """,
                ct,
                days.Keys.Select(
                    k => k.Tenant).ToArray(), days.Keys.Select(
                        k => k.Day).ToArray(), days.Keys.Select(k => k.Currency).ToArray(), days.Values.Select(v => v.Placed).ToArray(),
                days.Values.Select(v => v.Orders).ToArray(), days.Values.Select(v => v.Quantity).ToArray(), days.Values.Select(v => v.Revenue).ToArray());
        }

        if (products.Count > 0)
        {
            await target.Connection.ExecuteAsync(
                $"""
                INSERT INTO {target.Table(ByProduct)} AS t (tenant_id, day, sku, currency, orders, quantity, revenue)
                SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::numeric[])
                ON CONFLICT (tenant_id, day, sku, currency) DO UPDATE SET orders = t.orders + excluded.orders,
                    quantity = t.quantity + excluded.quantity, revenue = t.revenue + excluded.revenue
                """,
                ct,
                products.Keys.Select(
                    k => k.Tenant).ToArray(), products.Keys.Select(
                        k => k.Day).ToArray(), products.Keys.Select(k => k.Sku).ToArray(), products.Keys.Select(k => k.Currency).ToArray(),
                products.Values.Select(
                    v => v.Orders).ToArray(), products.Values.Select(v => v.Quantity).ToArray(), products.Values.Select(v => v.Revenue).ToArray());
        }
    }

    private static DateOnly Day(DateTimeOffset at) => DateOnly.FromDateTime(at.UtcDateTime);
}
