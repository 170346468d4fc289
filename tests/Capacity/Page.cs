using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Shop.Capacity;

/// <summary>The tables of docs/scale.md, each between its marks.</summary>
public static partial class Page
{
    /// <summary>What docs/scale.md tells of: a shard of a thousand is what ten thousand are made of.</summary>
    private static readonly double[] Rates = [10, 100, 1_000, 10_000];

    private const double OfAShard = 1_000;
    private const int Orders = 10_000;

    public static string Filled(string page, Measured measured, Shape shape, IReadOnlyList<(Load Measured, Outcome Predicted)> compared)
    {
        var demands = Demands.Of(measured.Loads);
        var tables = new Dictionary<string, string>
        {
            ["an order"] = OfAnOrder(measured, demands),
            ["measured and predicted"] = Compared(compared),
            ["bends"] = BendsOf(measured, demands),
            ["needs"] = NeedsOf(measured, demands, shape),
        };
        return Marked().Replace(page, mark => tables.TryGetValue(mark.Groups["name"].Value, out var table)
            ? $"<!-- {mark.Groups["name"].Value} {{ -->\n{table}<!-- }} -->"
            : throw new FormatException($"There is no table called '{mark.Groups["name"].Value}'."));
    }

    /// <summary>What was measured under each load, and what the network tells of it.</summary>
    public static IReadOnlyList<(Load Measured, Outcome Predicted)> Compare(Measured measured, Shape shape)
    {
        var demands = Demands.Of(measured.Loads);
        return [.. measured.Loads.Select(l => (l, Network.Median(l.OrdersPerSecond, demands, shape, Machines.One(Measured.Processors), runs: 11)))];
    }

    private static string OfAnOrder(Measured measured, IReadOnlyDictionary<string, Demand> demands)
    {
        var most = measured.Loads[^1];
        var table = new StringBuilder("| process | for an order | whatever is ordered |\n| --- | --- | --- |\n");
        foreach (var (process, demand) in demands)
        {
            Line(table, $"| {process.Replace('-', ' ')} | {demand.PerOrder:0.0} ms | {demand.Idle:0.000} of a processor |");
        }

        Line(table, $"| **together** | **{demands.Sum(d => d.Value.PerOrder):0.0} ms** | **{demands.Sum(d => d.Value.Idle):0.000} of a processor** |");
        Line(table, $"\nAt {most.OrdersPerSecond} orders/s an order is {most.Commits:0.0} commits of {most.Rows:0} rows, {most.Flushes:0.0} flushes of the log, {most.Log / 1024:0} KiB of log, {most.Database / 1024:0} KiB in the databases, {most.Published:0.0} messages confirmed and {most.Delivered:0.0} handed over. The services hold {measured.Connections} connections to PostgreSQL.");
        return table.ToString();
    }

    private static string Compared(IReadOnlyList<(Load Measured, Outcome Predicted)> loads)
    {
        var table = new StringBuilder("| orders/s | p50 measured | predicted | p95 measured | predicted | p99 measured | predicted | p99, of measured |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        foreach (var (is_, told) in loads)
        {
            Line(table, $"| {is_.OrdersPerSecond} | {is_.P50:0} ms | {told.P50:0} ms | {is_.P95:0} ms | {told.P95:0} ms | {is_.P99:0} ms | {told.P99:0} ms | {told.P99 / is_.P99:0.00} |");
        }

        return table.ToString();
    }

    private static string BendsOf(Measured measured, IReadOnlyDictionary<string, Demand> demands)
    {
        var table = new StringBuilder("| part | what one of it gives | used up at |\n| --- | --- | --- |\n");
        foreach (var bend in Sizing.Bends(measured, demands))
        {
            Line(table, $"| {bend.Part} | {bend.Limit} | {bend.OrdersPerSecond:#,0} orders/s |");
        }

        return table.ToString();
    }

    private static string NeedsOf(Measured measured, IReadOnlyDictionary<string, Demand> demands, Shape shape)
    {
        var all = Rates.Select(rate => Sizing.Of(rate, measured, demands)).ToList();
        var table = new StringBuilder($"| | {string.Join(" | ", Rates.Select(r => r.ToString("#,0 'orders/s'", CultureInfo.InvariantCulture)))} |\n|{string.Concat(Rates.Select(_ => " --- |"))} --- |\n");
        foreach (var process in all[0].Processors.Keys)
        {
            Row($"processors for {process}", n => n.Processors[process]);
        }

        Row("commits/s", n => n.Commits);
        Row("log, MB/s", n => n.LogMegabytes);
        Row("messages/s", n => n.Messages);
        Row("growth, GB a day", n => n.GigabytesPerDay);
        Row("connections to PostgreSQL", n => n.Connections);
        // Ten thousand are ten times the same, side by side.
        Row("p99 predicted, ms", n => OfShard(Math.Min(n.OrdersPerSecond, OfAShard)).P99);
        return table.ToString();

        Outcome OfShard(double rate) => Network.Run(rate, Orders, demands, shape, Sizing.Apart(Sizing.Of(rate, measured, demands)));

        void Row(string name, Func<Needs, double> value) =>
            Line(table, $"| {name} | {string.Join(" | ", all.Select(n => value(n).ToString(value(n) < 10 ? "0.#" : "#,0", CultureInfo.InvariantCulture)))} |");
    }

    private static void Line(StringBuilder table, FormattableString line) => table.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    [GeneratedRegex("<!-- (?<name>[a-z ]+) { -->\n.*?<!-- } -->", RegexOptions.Singleline)]
    private static partial Regex Marked();
}
