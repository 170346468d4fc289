using System.Globalization;
using System.Text.Json;
using Shop.SystemBench.ByHand;
using Spectre.Console;

namespace Shop.SystemBench;

/// <summary>The figures, for people and for <c>BENCH_REPORT</c>.</summary>
internal sealed class BenchReport(IAnsiConsole console)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly List<Dictionary<string, object>> _rows = [];

    public void Add(string name, BoundFigures bound)
    {
        Line($"");
        Line($"the durable work by hand, {bound.Path}: {bound.OrdersPerSecond:0.0} orders/s over {bound.Window.TotalSeconds:0} s");
        console.Write(Facts(("per order", $"{Describe(bound.PerOrder)}")));
        Add(name, bound.Uses, bound.OrdersPerSecond, bound.Window);
        Row(name, bound.OrdersPerSecond, "orders/s");
    }

    public void Add(SystemFigures figures, BoundFigures bound, BoundFigures now)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"system-{figures.Replicas}");
        var ratio = figures.OrdersPerSecond / bound.OrdersPerSecond;
        Line($"");
        Line($"{figures.Replicas} replica{(figures.Replicas == 1 ? "" : "s")} of each service, {Machine.Processors} processors: {ratio:0.00} of a message for each step by hand, {figures.OrdersPerSecond / now.OrdersPerSecond:0.00} of one transaction for each wait");
        console.Write(Facts(
            ("saturated", $"{figures.OrdersPerSecond:0.0} orders/s over {figures.Window.TotalSeconds:0} s (by 5 s: {string.Join(", ", figures.Steadiness.Select(s => s.ToString("0", CultureInfo.InvariantCulture)))}); {figures.MailsPerOrder:0.0} mails per order, the last {figures.MailsBehind.TotalSeconds:0} s after it"),
            ("at a fixed rate", $"{figures.ArrivalsPerSecond:0.0} orders/s: p50 {Percentile(figures.Latencies, 0.5):0} ms, p95 {Percentile(figures.Latencies, 0.95):0} ms, p99 {Percentile(figures.Latencies, 0.99):0} ms from POST to completed ({figures.Latencies.Count} orders)"),
            ("reads", $"{figures.ReadsPerSecond:0} /s of GET /v1/orders/{{id}}"),
            ("per order", $"{Describe(figures.PerOrder)}")));
        Add(name, figures.Uses, figures.OrdersPerSecond, figures.Window);
        Row(name, figures.OrdersPerSecond, "orders/s", limit: 55);
        Row(name + "-of-bound", figures.OrdersPerSecond, "orders/s", limit: 0.42, ratio: ratio);
        Row(name + "-of-bound-now", figures.OrdersPerSecond, "orders/s", ratio: figures.OrdersPerSecond / now.OrdersPerSecond);
        Row(
            name + "-cpu-of-bound",
            Cpu(figures.Uses, figures.OrdersPerSecond, figures.Window) / Cpu(bound.Uses, bound.OrdersPerSecond, bound.Window),
            "times",
            limit: 2.4);
        Row(name + "-p50", Percentile(figures.Latencies, 0.5), "ms");
        Row(name + "-p95", Percentile(figures.Latencies, 0.95), "ms");
        Row(name + "-p99", Percentile(figures.Latencies, 0.99), "ms", limit: 150);
        Row(name + "-reads", figures.ReadsPerSecond, "reads/s");
    }

    /// <summary>What telemetry costs, by rounds.</summary>
    public void Add(IReadOnlyList<(Saturation Without, Saturation With)> rounds)
    {
        Line($"");
        foreach (var (without, with) in rounds)
        {
            Line($"without {without.OrdersPerSecond:0.0} orders/s, {without.ProcessorSeconds * 1000:0.0} ms; with listeners {with.OrdersPerSecond:0.0} orders/s, {with.ProcessorSeconds * 1000:0.0} ms: {with.OrdersPerSecond / without.OrdersPerSecond:0.000} of the orders, {with.ProcessorSeconds / without.ProcessorSeconds:0.000} of the processor");
        }

        double[] orders = [.. rounds.Select(r => r.With.OrdersPerSecond / r.Without.OrdersPerSecond).Order()];
        double[] processor = [.. rounds.Select(r => r.With.ProcessorSeconds / r.Without.ProcessorSeconds).Order()];
        Line($"median of {rounds.Count}: {Percentile(orders, 0.5):0.000} of the orders (least {orders[0]:0.000}, most {orders[^1]:0.000}), {Percentile(processor, 0.5):0.000} of the processor (least {processor[0]:0.000}, most {processor[^1]:0.000})");
        Row("telemetry-orders", rounds.Average(r => r.With.OrdersPerSecond), "orders/s", limit: 0.97, ratio: Percentile(orders, 0.5));
        Row("telemetry-processor", rounds.Average(r => r.With.ProcessorSeconds) * 1000, "ms/order", ratio: Percentile(processor, 0.5));
    }

    /// <summary>The times of an order under several loads, and what an order costs there.</summary>
    public void Add(IReadOnlyList<LoadFigures> loads, long connections)
    {
        Line($"");
        Line($"{connections} connections to PostgreSQL");
        foreach (var load in loads)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"load-{load.ArrivalsPerSecond:0.#}");
            var own = load.ProcessorMilliseconds.Where(p => p.Key != Machine.Others).Sum(p => p.Value);
            Line($"{load.ArrivalsPerSecond:0.0} orders/s ({load.Latencies.Count}): p50 {Percentile(load.Latencies, 0.5):0} ms, p95 {Percentile(load.Latencies, 0.95):0} ms, p99 {Percentile(load.Latencies, 0.99):0} ms; {own:0.0} ms of processor, {load.DatabaseBytes / 1024:0.0} KiB in the databases; {Describe(load.PerOrder)}");
            Line($"  {string.Join(", ", load.ProcessorMilliseconds.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key} {p.Value:0.0}")))}");
            Row(name + "-p50", Percentile(load.Latencies, 0.5), "ms");
            Row(name + "-p95", Percentile(load.Latencies, 0.95), "ms");
            Row(name + "-p99", Percentile(load.Latencies, 0.99), "ms");
            foreach (var (process, milliseconds) in load.ProcessorMilliseconds)
            {
                Row($"{name}-cpu-{process.Replace(' ', '-')}", milliseconds, "ms/order");
            }

            Row(name + "-commits", load.PerOrder.Commits, "per order");
            Row(name + "-flushes", load.PerOrder.WalSyncs, "per order");
            Row(name + "-rows", load.PerOrder.Rows, "per order");
            Row(name + "-log", load.PerOrder.WalBytes, "bytes/order");
            Row(name + "-published", load.PerOrder.Published, "per order");
            Row(name + "-delivered", load.PerOrder.Delivered, "per order");
            Row(name + "-database", load.DatabaseBytes, "bytes/order");
        }

        Row("load-all-connections", connections, "connections");
    }

    /// <summary>What many notice of one.</summary>
    public void Add(IReadOnlyList<CrowdFigures> crowd)
    {
        Line($"");
        foreach (var (name, latencies, door, hot) in crowd)
        {
            Line($"{name}: p50 {Percentile(latencies, 0.5):0} ms, p95 {Percentile(latencies, 0.95):0} ms, p99 {Percentile(latencies, 0.99):0} ms ({latencies.Count} orders), until accepted {Percentile(door, 0.5):0} and {Percentile(door, 0.99):0}");
            if (hot.Count > 0)
            {
                Line($"  the hot one: p50 {Percentile(hot, 0.5):0} ms, p99 {Percentile(hot, 0.99):0} ms ({hot.Count} orders)");
            }

            var key = name.Replace(",", "", StringComparison.Ordinal).Replace(' ', '-');
            Row(key + "-p50", Percentile(latencies, 0.5), "ms");
            Row(key + "-p99", Percentile(latencies, 0.99), "ms");
        }
    }

    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, JsonSerializer.Serialize(_rows, Indented));
    }

    private void Add(string name, IReadOnlyList<ProcessUse> uses, double ordersPerSecond, TimeSpan window)
    {
        var orders = ordersPerSecond * window.TotalSeconds;
        var table = new Table().Border(TableBorder.Simple).AddColumn("process");
        foreach (var column in new[] { "of a core", "CPU ms/order", "MB" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var use in uses)
        {
            table.AddRow(
                new Text(use.Name),
                Cell($"{use.CpuSeconds / window.TotalSeconds:0.00}"),
                Cell($"{use.CpuSeconds / orders * 1000:0.0}"),
                Cell($"{use.Megabytes:0}"));
            Row($"{name}-cpu-{use.Name.Replace(' ', '-')}", use.CpuSeconds / orders * 1000, "ms/order");
            Row($"{name}-memory-{use.Name.Replace(' ', '-')}", use.Megabytes, "MB");
        }

        console.Write(table);
        var cpu = Cpu(uses, ordersPerSecond, window);
        console.Write(Facts(
            ("what bounds it", $"{Machine.Processors} processors / {cpu * 1000:0.0} ms of processor time per order = {Machine.Processors / cpu:0.0} orders/s if nothing ever waited; {ordersPerSecond * cpu / Machine.Processors:P0} of that was reached")));
        Row(name + "-cpu", cpu * 1000, "ms/order");
    }

    /// <summary>Seconds for an order, of everything that was started for it.</summary>
    private static double Cpu(IReadOnlyList<ProcessUse> uses, double ordersPerSecond, TimeSpan window) =>
        uses.Where(u => u.Name != Machine.Others).Sum(u => u.CpuSeconds) / (ordersPerSecond * window.TotalSeconds);

    private static string Describe(DurableWork work) => string.Create(
        CultureInfo.InvariantCulture,
        $"{work.Commits:0.0} commits of {work.Rows:0.0} rows, {work.WalBytes / 1024:0.0} KiB of log, {work.WalSyncs:0.0} flushes; {work.Published:0.0} messages confirmed, {work.Delivered:0.0} delivered");

    private static double Percentile(IReadOnlyList<double> sorted, double share) => sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];

    private void Row(string name, double value, string unit, double? limit = null, double? ratio = null)
    {
        var row = new Dictionary<string, object> { ["name"] = name, ["value"] = Math.Round(value, 1), ["unit"] = unit };
        if (limit is { } l)
        {
            row["limit"] = l;
        }

        if (ratio is { } r)
        {
            row["ratio"] = Math.Round(r, 3);
        }

        _rows.Add(row);
    }

    private static Grid Facts(params (string Name, FormattableString Fact)[] facts) => facts.Aggregate(
        new Grid().AddColumn(new GridColumn().NoWrap().Padding(2, 0, 2, 0)).AddColumn(),
        (grid, fact) => grid.AddRow(new Text(fact.Name), Cell(fact.Fact)));

    private static Text Cell(FormattableString text) => new(text.ToString(CultureInfo.InvariantCulture));

    private void Line(FormattableString text) => console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
