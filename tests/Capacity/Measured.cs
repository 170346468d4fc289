using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.Capacity;

/// <summary>What <c>BENCH=System BENCH_LOADS=…</c> has shown: docs/scale.json.</summary>
/// <param name="Loads">From the least to the greatest.</param>
/// <param name="Connections">To PostgreSQL.</param>
/// <param name="Saturated">Milliseconds of processor time for an order when <see cref="UnderWay"/> are under way all the time.</param>
public sealed partial record Measured(IReadOnlyList<Load> Loads, long Connections, double Saturated)
{
    /// <summary>Of the machine.</summary>
    public const int Processors = 2;

    /// <summary>Orders, when it is saturated.</summary>
    public const int UnderWay = 96;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <param name="json">The report of the benchmark.</param>
    /// <exception cref="FormatException">It lacks something.</exception>
    public static Measured Read(string json)
    {
        var rows = JsonSerializer.Deserialize<List<JsonElement>>(json)!
            .Where(r => r.GetProperty("name").GetString()!.StartsWith("load-", StringComparison.Ordinal))
            .Select(r => (Name: r.GetProperty("name").GetString()!.Split('-', 3), Value: r.GetProperty("value").GetDouble()))
            .ToList();
        var loads = rows.Where(r => r.Name[1] != "all").GroupBy(r => r.Name[1]).Select(of =>
        {
            var values = of.ToDictionary(r => r.Name[2], r => r.Value);
            return new Load(
                double.Parse(of.Key, CultureInfo.InvariantCulture),
                Of("p50"), Of("p95"), Of("p99"),
                values.Where(v => v.Key.StartsWith("cpu-", StringComparison.Ordinal)).GroupBy(v => Replica().Replace(v.Key["cpu-".Length..], ""))
                    .ToDictionary(v => v.Key, v => v.Sum(r => r.Value)),
                Of("commits"), Of("flushes"), Of("rows"), Of("log"), Of("published"), Of("delivered"), Of("database"));

            double Of(string name) => values.TryGetValue(name, out var value) ? value : throw new FormatException($"The load {of.Key} has no {name}.");
        });
        return new Measured([.. loads.OrderBy(l => l.OrdersPerSecond)], (long)OfAll("connections"), OfAll("saturated"));

        double OfAll(string name) => rows.Single(r => r.Name[1] == "all" && r.Name[2] == name).Value;
    }

    /// <summary>Of a piece of work, what orders that are at it together do once: what one order alone costs, less what one of many does.</summary>
    public double Shared
    {
        get
        {
            var together = (double)UnderWay / Order.Path.Count;
            return (1 - (Saturated / Loads[0].Processor.Values.Sum())) / (1 - (1 / together));
        }
    }

    /// <summary>The same report, with a shape beside the measurements.</summary>
    public static string WithShape(string json, Shape shape)
    {
        var rows = JsonSerializer.Deserialize<List<Dictionary<string, object>>>(json)!;
        rows.RemoveAll(r => r["name"].ToString()!.StartsWith("shape-", StringComparison.Ordinal));
        (string Name, double Value, string Unit)[] figures =
        [
            ("share", shape.Share, "of an order's work"), ("flush", shape.Flush, "ms"), ("variation", shape.Variation, "of the mean"),
            ("burst", shape.Burst, "ms"), ("shared", shape.Shared, "of a piece of work"),
        ];
        rows.AddRange(figures.Select(f => new Dictionary<string, object>
        {
            ["name"] = $"shape-{f.Name}", ["value"] = Math.Round(f.Value, 4), ["unit"] = f.Unit,
        }));
        return JsonSerializer.Serialize(rows, Indented) + "\n";
    }

    /// <exception cref="InvalidOperationException">It has none.</exception>
    public static Shape ShapeOf(string json)
    {
        var rows = JsonSerializer.Deserialize<List<JsonElement>>(json)!;
        return new Shape(Of("share"), Of("flush"), Of("variation"), Of("burst"), Of("shared"));

        double Of(string name) => rows.Single(r => r.GetProperty("name").GetString() == $"shape-{name}").GetProperty("value").GetDouble();
    }

    [GeneratedRegex("-[0-9]+$")]
    private static partial Regex Replica();
}

/// <summary>One load, and what an order was and cost under it.</summary>
/// <param name="OrdersPerSecond">That arrived at random.</param>
/// <param name="P50">From arrival to completion, in milliseconds; half were quicker.</param>
/// <param name="P95">Of 95 in 100.</param>
/// <param name="P99">Of 99 in 100.</param>
/// <param name="Processor">Milliseconds of processor time for an order, by process.</param>
/// <param name="Commits">For an order, of transactions that write.</param>
/// <param name="Flushes">Of the log, for an order; commits share them.</param>
/// <param name="Rows">Written, for an order.</param>
/// <param name="Log">Bytes written ahead, for an order.</param>
/// <param name="Published">Messages that the broker confirmed, for an order.</param>
/// <param name="Delivered">Messages that it handed over, for an order.</param>
/// <param name="Database">Bytes by which the databases grew, for an order.</param>
public sealed record Load(
    double OrdersPerSecond, double P50, double P95, double P99, IReadOnlyDictionary<string, double> Processor, double Commits, double Flushes, double Rows,
    double Log, double Published, double Delivered, double Database);
