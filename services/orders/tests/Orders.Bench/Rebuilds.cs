using System.Diagnostics;
using System.Globalization;
using Chassis.Testing;
using Orders.ReadModels;

namespace Orders.Bench;

/// <summary>Both read models made anew by the operators' resource, while customers place and read orders.</summary>
internal sealed class Rebuilds(ManyOrders shop)
{
    public async Task<IReadOnlyList<Figure>> Measure(int orders)
    {
        await using (var warmUp = new Traffic(shop))
        {
            await warmUp.For(TimeSpan.FromSeconds(4));
        }

        Traffic before = new(shop), during = new(shop);
        await using (before)
        {
            await before.For(TimeSpan.FromSeconds(10));
        }

        // What the rebuilt table is held against, beside the product's own comparison: the rows as they were written with the events.
        await shop.Execute("CREATE TABLE orders_before AS TABLE orders");
        (long Differences, double Seconds) rebuilt, sales;
        await using (during)
        {
            rebuilt = await Rebuild(OrdersProjection.ProjectionName);
            sales = await Rebuild(SalesProjection.ProjectionName);
        }

        var wrong = await WrongOrders();
        var all = await shop.Database.ScalarAsync<long>("SELECT count(*) FROM event_store.events");
        var name = string.Create(CultureInfo.InvariantCulture, $"rebuild of {orders:N0} orders under writes");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Rebuilt from {all:N0} events while {during.Placing.Count:N0} orders were placed and {during.Reading.Count:N0} requests were read; orders {rebuilt.Seconds:0.0} s, sales {sales.Seconds:0.0} s."));
        return
        [
            new($"{name}: the orders", Math.Round(rebuilt.Seconds, 1), "s", Limit: 60),
            new($"{name}: the sales", Math.Round(sales.Seconds, 1), "s", Limit: 60),
            new($"{name}: orders that differ from the live ones", rebuilt.Differences, "rows", Limit: 0),
            new($"{name}: sales that differ from the live ones", sales.Differences, "rows", Limit: 0),
            new($"{name}: orders lost, changed or behind their events", wrong, "rows", Limit: 0),
            Figure($"{name}: reading meanwhile, median", before.Reading, during.Reading, 0.5),
            Figure($"{name}: reading meanwhile, 99th percentile", before.Reading, during.Reading, 0.99),
            Figure($"{name}: reading meanwhile, longest", before.Reading, during.Reading, 1, limit: 1_000),
            Figure($"{name}: placing meanwhile, median", before.Placing, during.Placing, 0.5),
            Figure($"{name}: placing meanwhile, 99th percentile", before.Placing, during.Placing, 0.99),
            Figure($"{name}: placing meanwhile, longest (the swap)", before.Placing, during.Placing, 1, limit: 3_000),
        ];
    }

    private static Figure Figure(string name, IReadOnlyCollection<double> before, IReadOnlyCollection<double> during, double part, double? limit = null)
    {
        var (reference, value) = (At(before, part), At(during, part));
        return new Figure(name, Math.Round(value, 1), "ms", limit, Math.Round(value / reference, 2));
    }

    private static double At(IReadOnlyCollection<double> times, double part) => times.Order().ElementAt((int)Math.Min(times.Count - 1, times.Count * part));

    private async Task<(long Differences, double Seconds)> Rebuild(string name)
    {
        using var client = shop.Operator();
        var started = Stopwatch.GetTimestamp();
        using var asked = await client.PostAsync(new Uri($"/v1/ops/projections/{name}/rebuild", UriKind.Relative), null);
        asked.EnsureSuccessStatusCode();
        var state = await Poll.UntilAsync(
            () => shop.Database.ScalarAsync<string>($"SELECT rebuild_state || ' ' || coalesce(rebuild_differences, -1) || ' ' || coalesce(rebuild_error, '') FROM event_store.projections WHERE name = '{name}'"),
            s => s.StartsWith("completed", StringComparison.Ordinal) || s.StartsWith("failed", StringComparison.Ordinal),
            $"{name} to be rebuilt",
            TimeSpan.FromMinutes(5));
        return state.StartsWith("completed", StringComparison.Ordinal)
            ? (long.Parse(state.Split(' ')[1], CultureInfo.InvariantCulture), Stopwatch.GetElapsedTime(started).TotalSeconds)
            : throw new InvalidOperationException(state);
    }

    private Task<long> WrongOrders() => shop.Database.ScalarAsync<long>(
        """
        SELECT (SELECT count(*) FROM orders_before b LEFT JOIN orders o USING (id) WHERE o.id IS NULL OR (o.version = b.version AND o IS DISTINCT FROM b))
             + (SELECT count(*) FROM (SELECT stream_id AS id, max(version) AS version FROM event_store.events GROUP BY stream_id) e FULL JOIN orders o USING (id)
                WHERE o.version IS DISTINCT FROM e.version)
        """);
}
