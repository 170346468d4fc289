using System.Globalization;
using System.Text.Json;
using Chassis.Testing;
using Inventory.Bench;
using Microsoft.EntityFrameworkCore;
using Shop.Output;
using Spectre.Console;

namespace Tables.Bench;

/// <summary>
/// What large tables cost, in one piece and in parts: of small ones, and of BENCH_EVENTS events (5,000,000) and BENCH_INBOX messages (1,000,000). What they are
/// promised for, 100,000,000 and 10,000,000, needs 90 GB of disk and an hour.
/// </summary>
internal static class EntryPoint
{
    private const long Small = 80_000;
    private const long BytesOfEvent = 900;
    private const long BytesOfMessage = 200;

    public static async Task<int> Main()
    {
        var (events, messages) = (Setting("BENCH_EVENTS", 5_000_000), Setting("BENCH_INBOX", 1_000_000));
        var (needed, free) = ((events * BytesOfEvent) + (messages * BytesOfMessage), new DriveInfo(Path.GetTempPath()).AvailableFreeSpace);
        if (free < needed * 3 / 2)
        {
            Terminal.Open().WriteLine($"Skipped: {events:n0} events and {messages:n0} messages need {needed >> 30} GB, and {free >> 30} GB of the disk are free. BENCH_EVENTS and BENCH_INBOX ask for fewer.");
            return 0;
        }

        var figures = new List<Figure>();
        foreach (var parts in (bool[])[false, true])
        {
            var small = await RunAsync(parts, Small, Small);
            var large = await RunAsync(parts, events, messages);
            figures.AddRange(small.Zip(large, (before, after) => new Figure(
                $"{(parts ? "in parts" : "in one piece")}: {after.Name}", Math.Round(after.Value, 4), after.Unit, Ratio: Math.Round(after.Value / before.Value, 2))));
        }

        var table = new Table().Border(TableBorder.Simple)
            .AddColumns(new($"{events:n0} events, {messages:n0} messages"), new TableColumn("value").RightAligned(), new TableColumn("unit"), new TableColumn("of a small table").RightAligned());
        foreach (var figure in figures)
        {
            table.AddRow(figure.Name.EscapeMarkup(), $"{figure.Value:0.000}", figure.Unit, $"{figure.Ratio:0.00}");
        }

        Terminal.Open().Write(table);
        if (Environment.GetEnvironmentVariable("BENCH_REPORT") is { Length: > 0 } report)
        {
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(figures, JsonOptions.Report));
        }

        return 0;
    }

    private static async Task<List<(string Name, double Value, string Unit)>> RunAsync(bool parts, long events, long messages)
    {
        var database = await TestDatabase.CreateAsync();
        await using (DbContext db = parts
            ? new PartitionedTables(new DbContextOptionsBuilder<PartitionedTables>().UseNpgsql(database.Migrations).Options)
            : new WholeTables(new DbContextOptionsBuilder<WholeTables>().UseNpgsql(database.Migrations).Options))
        {
            await db.Database.MigrateAsync();
        }

        await using var stage = new Stage(database, parts);
        await stage.FillAsync(events, messages);
        return [.. (await stage.MeasureAsync()).Select(m => (m.Name, m.Value, "ms")), ("a tenth of the inbox is forgotten", await stage.ForgetAsync(), "s")];
    }

    private static long Setting(string name, long otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? long.Parse(value, CultureInfo.InvariantCulture) : otherwise;
}
