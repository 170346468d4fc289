using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Chaos.Invariants;
using Shop.Output;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Shop.Chaos.Report;

/// <param name="Kind">What went wrong.</param>
/// <param name="Target">To whom.</param>
/// <param name="Started">Since the start of the run.</param>
/// <param name="Duration">Until it was healed, with the time that healing took.</param>
/// <param name="Orders">Those under way when it struck, and those placed until it was healed.</param>
/// <param name="Recovery">From the end of healing until the orders under way were done.</param>
/// <param name="Limit">What that may take at most; null where it may take as long as the run.</param>
public sealed record FaultRecord(
    string Kind, string Target, TimeSpan Started, TimeSpan Duration, long Orders, TimeSpan? Recovery, TimeSpan? Limit = null);

/// <summary>What a run did and found.</summary>
public sealed record RunReport(
    RunSettings Settings, TimeSpan Duration, IReadOnlyList<FaultRecord> Faults, IReadOnlyList<Verdict> Verdicts, IReadOnlyDictionary<string, int> Outcomes)
{
    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public bool Passed => Verdicts.All(v => v.Violations.Count == 0);

    public int Orders => Settings.Orders;

    public int Seed => Settings.Seed;

    public void Print(IAnsiConsole console)
    {
        console.WriteLine();
        console.WriteLine($"Orders by outcome: {string.Join(", ", Outcomes.OrderByDescending(o => o.Value).Select(o => $"{o.Value} {o.Key}"))}");
        console.WriteLine();
        var table = new Table().Border(TableBorder.Simple).AddColumns(
            new TableColumn("Invariant"), new TableColumn("checked").RightAligned(), new TableColumn("result").NoWrap());
        foreach (var verdict in Verdicts)
        {
            IRenderable[] told = [new Text(verdict.Name), .. verdict.Violations.Take(5).Select(v => new Padder(new Text(v), new Padding(4, 0, 0, 0)))];
            table.AddRow(
                new Rows(told),
                new Text($"{verdict.Checked}"),
                verdict.Violations.Count == 0 ? new Text("holds", Color.Green) : new Text($"VIOLATED {verdict.Violations.Count} times", Color.Red));
        }

        console.Write(table);
        console.WriteLine();
        console.Plain(Passed
            ? $"PASSED: {Verdicts.Count} invariants hold over {Orders} orders and {Faults.Count} faults in {Duration.TotalSeconds:0} s. Seed {Seed}."
            : $"FAILED. Run it again with: {Settings.Again}");
    }

    /// <summary>Writes <c>chaos.json</c> and <c>chaos.html</c>.</summary>
    public void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        var recoveries = Faults.Where(f => f.Recovery is not null).Select(f => f.Recovery!.Value.TotalSeconds).Order().ToArray();
        Entry[] entries =
        [
            .. Verdicts.Select(v => new Entry($"violations: {v.Name}", v.Violations.Count, "violations", 0)),
            new("orders", Orders, "orders"),
            new("faults", Faults.Count, "faults"),
            new("seed", Seed, "seed"),
            new("recovery p99", recoveries.Length == 0 ? 0 : recoveries[(int)Math.Ceiling(recoveries.Length * 0.99) - 1], "s", 30),
        ];
        File.WriteAllText(Path.Combine(directory, "chaos.json"), JsonSerializer.Serialize(entries, JsonOptions));
        File.WriteAllText(Path.Combine(directory, "chaos.html"), ReportPage.Of(this));
    }

    private sealed record Entry(string Name, double Value, string Unit, double? Limit = null);
}
