using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using Spectre.Console;

namespace Orders.Bench;

/// <summary>A read, how long it takes, and what the database does for it.</summary>
internal sealed record Read(string Name, double Milliseconds, IReadOnlyList<Plan> Plans);

/// <summary>How PostgreSQL ran a statement.</summary>
/// <param name="Essence">The nodes of the plan and their indexes.</param>
/// <param name="Rows">Most rows that one node has touched.</param>
/// <param name="Buffers">Pages looked at.</param>
/// <param name="Milliseconds">Time in the database.</param>
internal sealed record Plan(string Essence, long Rows, long Buffers, double Milliseconds);

/// <summary>
/// Reading orders by id and by customer: the statements as the service sends them, each run with a plan for its values and with the plan for any values that
/// PostgreSQL keeps for a statement that comes again and again.
/// </summary>
internal sealed class Reads(ManyOrders shop, IAnsiConsole console)
{
    private const int PageSize = 50;

    public async Task<IReadOnlyList<Read>> Measure(int orders)
    {
        var (big, small) = (History.BigCustomer, History.SmallCustomer);
        var order = await shop.Database.ScalarAsync<Guid>($"SELECT id FROM orders WHERE user_id = '{big}' ORDER BY created_at LIMIT 1");
        using var customer = shop.ClientFor(big);
        using var other = shop.ClientFor(small);
        using var @operator = shop.Operator();
        var cursor = JsonNode.Parse(await customer.GetStringAsync(new Uri("/v1/orders", UriKind.Relative)))!["nextCursor"]?.GetValue<string>();
        var key = await shop.Database.ScalarAsync<string>(
            $"SELECT format('%L, %L', created_at, id) FROM (SELECT created_at, id FROM orders WHERE user_id = '{big}' ORDER BY created_at DESC, id DESC LIMIT {PageSize}) k ORDER BY created_at, id LIMIT 1");
        var (few, many) = (await OrdersOf(small), await OrdersOf(big));
        var reads = new List<Read>
        {
            await Measure("order by id", customer, $"/v1/orders/{order}", $"'{order}'"),
            await Measure($"first page of a customer with {few} orders", other, "/v1/orders", $"'{small}', {PageSize + 1}"),
            await Measure($"first page of a customer with {many} orders", customer, "/v1/orders", $"'{big}', {PageSize + 1}"),
            await Measure("operators' first page of all orders", @operator, "/v1/orders", $"{PageSize + 1}"),
        };
        if (cursor is not null)
        {
            reads.Insert(
                3,
                await Measure(
                    $"second page of a customer with {many} orders",
                    customer,
                    $"/v1/orders?cursor={Uri.EscapeDataString(cursor)}",
                    $"'{big}', {key}, {PageSize + 1}"));
        }

        Tell(orders, reads);
        return reads;
    }

    /// <exception cref="InvalidOperationException">A read looks at more when there are more orders.</exception>
    public static IEnumerable<Figure> Compare(IReadOnlyList<Read> small, IReadOnlyList<Read> big, int orders)
    {
        foreach (var (before, after) in small.Zip(big))
        {
            foreach (var (few, many) in before.Plans.Zip(after.Plans))
            {
                if (many.Rows > few.Rows || many.Buffers > MostPages(few))
                {
                    throw new InvalidOperationException($"{after.Name} grows with the orders: {few} before, {many} now.");
                }
            }

            yield return new Figure(
                string.Create(CultureInfo.InvariantCulture, $"{after.Name} at {orders:N0} orders, median"),
                after.Milliseconds,
                "ms",
                Limit: 20,
                Ratio: Math.Round(after.Milliseconds / before.Milliseconds, 2));
            yield return new Figure(
                string.Create(CultureInfo.InvariantCulture, $"{after.Name} at {orders:N0} orders, pages"),
                after.Plans.Max(p => p.Buffers),
                "pages",
                Limit: before.Plans.Max(MostPages));
        }
    }

    private Task<long> OrdersOf(Guid customer) => shop.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE user_id = '{customer}'");

    // A page for each row, when they lie far apart, and some for the levels of the index.
    private static long MostPages(Plan plan) => plan.Rows + 8;

    private async Task<Read> Measure(string name, HttpClient client, string path, string values)
    {
        var milliseconds = await ManyOrders.Median(() => ManyOrders.Get(client, path));
        var statement = await StatementOf(client, path);
        var plans = new List<Plan>();
        foreach (var mode in new[] { "force_custom_plan", "force_generic_plan" })
        {
            plans.Add(await Explain(statement, values, mode));
        }

        return new Read(name, milliseconds, plans);
    }

    private void Tell(int orders, IReadOnlyList<Read> reads)
    {
        var table = new Table().Border(TableBorder.Simple).Title($"At {ManyOrders.Number(orders)} orders")
            .AddColumns("read", "ms", "in the database", "rows", "pages", "plan");
        foreach (var (read, plan) in reads.SelectMany(read => read.Plans.Select(plan => (read, plan))))
        {
            table.AddRow(new[]
            {
                read.Name, string.Create(
                    CultureInfo.InvariantCulture, $"{read.Milliseconds:0.00}"), string.Create(CultureInfo.InvariantCulture, $"{plan.Milliseconds:0.000}"),
                $"{plan.Rows}", $"{plan.Buffers}", plan.Essence,
            }.Select(cell => new Text(cell)));
        }

        console.Write(table);
    }

    /// <summary>What the service asks the database for this request.</summary>
    private static async Task<string> StatementOf(HttpClient client, string path)
    {
        var statements = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => statements.Enqueue((activity.GetTagItem("db.query.text") ?? activity.GetTagItem("db.statement")) as string ?? ""),
        };
        ActivitySource.AddActivityListener(listener);
        await ManyOrders.Get(client, path);
        return statements.Last(s => s.Contains("FROM orders", StringComparison.Ordinal));
    }

    private async Task<Plan> Explain(string statement, string values, string mode)
    {
        await using var connection = new NpgsqlConnection(shop.Database.Migrations);
        await connection.OpenAsync();
        foreach (var sql in new[] { $"SET plan_cache_mode = {mode}", $"PREPARE read AS {statement}", $"EXECUTE read({values})" })
        {
            await using var prepare = new NpgsqlCommand(sql, connection);
            await prepare.ExecuteNonQueryAsync();
        }

        await using var explain = new NpgsqlCommand($"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE read({values})", connection);
        var result = JsonNode.Parse((string)(await explain.ExecuteScalarAsync())!)![0]!;
        await using (var forget = new NpgsqlCommand("DEALLOCATE read", connection))
        {
            await forget.ExecuteNonQueryAsync();
        }

        var nodes = Nodes(result["Plan"]!).ToArray();
        var essence = string.Join(" > ", nodes.Select(n => $"{n["Node Type"]}{(n["Index Name"] is { } index ? $" on {index}" : "")}"));
        var rows = nodes.Max(
            n => (long)((n["Actual Rows"]!.GetValue<double>()
                + (n["Rows Removed by Filter"]?.GetValue<double>() ?? 0)) * n["Actual Loops"]!.GetValue<double>()));
        if (nodes.Any(n => n["Node Type"]!.GetValue<string>().Contains("Seq Scan", StringComparison.Ordinal)) || rows > PageSize + 1)
        {
            throw new InvalidOperationException($"This looks at more than one page of orders ({rows} rows, {mode}):\n{statement}\n{result.ToJsonString()}");
        }

        return new Plan(
            essence,
            rows,
            result["Plan"]!["Shared Hit Blocks"]!.GetValue<long>() + result["Plan"]!["Shared Read Blocks"]!.GetValue<long>(),
            result["Execution Time"]!.GetValue<double>());
    }

    private static IEnumerable<JsonNode> Nodes(JsonNode plan) => [plan, .. (plan["Plans"]?.AsArray() ?? []).SelectMany(p => Nodes(p!))];
}
