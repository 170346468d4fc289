using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Shop.Output;
using Spectre.Console;

namespace Orders.Bench;

/// <summary>One line of the report.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">How much.</param>
/// <param name="Unit">Of what.</param>
/// <param name="Limit">At most so much.</param>
/// <param name="Ratio">The value as a multiple of the same with 10,000 orders, or before the rebuild.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? Limit = null, double? Ratio = null);

internal static class EntryPoint
{
    private static readonly JsonSerializerOptions Report =
        new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static async Task<int> Main()
    {
        var scale = double.Parse(Environment.GetEnvironmentVariable("BENCH_SCALE") ?? "1", CultureInfo.InvariantCulture);
        var (few, many, plenty) = ((int)(10_000 * scale), (int)(100_000 * scale), (int)(1_000_000 * scale));

        // The service needs no files of its own.
        Environment.SetEnvironmentVariable("ASPNETCORE_TEST_CONTENTROOT_ORDERS", AppContext.BaseDirectory);
        var console = Terminal.Open();
        await using var shop = new ManyOrders();
        await shop.InitializeAsync();
        var history = new History(shop, few);
        var figures = new List<Figure>();

        await history.Write(0, few);
        var reads = new Reads(shop, console);
        var small = await reads.Measure(few);
        await history.Write(few, many);
        figures.Add(new("order of 100 events: load and decide, median", await shop.LoadAndDecide(), "ms", Limit: 5));
        figures.AddRange(await new Rebuilds(shop).Measure(many));
        await history.Multiply(plenty);
        var big = await reads.Measure(plenty);
        figures.AddRange(Reads.Compare(small, big, plenty));

        var table = new Table().Border(TableBorder.Simple)
            .AddColumns(
                new("figure"),
                new TableColumn("value").RightAligned(),
                new TableColumn("unit"),
                new TableColumn("at most").RightAligned(),
                new TableColumn("of before").RightAligned());
        foreach (var figure in figures)
        {
            table.AddRow(figure.Name.EscapeMarkup(), Number(figure.Value), figure.Unit, Number(figure.Limit), Number(figure.Ratio));
        }

        console.Write(table);

        if (Environment.GetEnvironmentVariable("BENCH_REPORT") is { Length: > 0 } report)
        {
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(figures, Report));
        }

        var bad = figures.Where(f => f.Value > f.Limit).ToArray();
        foreach (var figure in bad)
        {
            Console.Error.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{figure.Name}: {figure.Value:0.##} {figure.Unit}, at most {figure.Limit:0.##} is wanted."));
        }

        return bad.Length == 0 ? 0 : 1;

        static string Number(double? value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.##}");
    }
}
