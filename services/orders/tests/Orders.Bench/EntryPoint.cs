using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orders.Bench;

/// <summary>One line of the report.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">How much.</param>
/// <param name="Unit">Of what.</param>
/// <param name="Limit">At most so much.</param>
/// <param name="Ratio">The value as a multiple of the same on small tables.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? Limit = null, double? Ratio = null);

internal static class EntryPoint
{
    private static readonly JsonSerializerOptions Report =
        new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static async Task<int> Main()
    {
        // The service needs no files of its own.
        Environment.SetEnvironmentVariable("ASPNETCORE_TEST_CONTENTROOT_ORDERS", AppContext.BaseDirectory);
        await using var shop = new ManyOrders();
        await shop.InitializeAsync();
        var figures = new List<Figure>();

        figures.Add(new("order of 100 events: load and decide, median", await shop.LoadAndDecide(), "ms", Limit: 5));
        var (small, smallList) = await shop.Read();
        figures.AddRange(await shop.Rebuild(orders: 100_000));
        await shop.FillReadModel(1_000_000);
        await shop.VerifyPlans();
        var (big, bigList) = await shop.Read();
        figures.Add(new("order by id at 1,000,000 orders, median", big, "ms", Ratio: Math.Round(big / small, 2)));
        figures.Add(new("a customer's first page at 1,000,000 orders, median", bigList, "ms", Ratio: Math.Round(bigList / smallList, 2)));

        foreach (var figure in figures)
        {
            Console.WriteLine($"{figure.Name,-64} {figure.Value,10:0.##} {figure.Unit}{(figure.Ratio is { } ratio ? $"   {ratio:0.00} of that with hardly any" : "")}");
        }

        if (Environment.GetEnvironmentVariable("BENCH_REPORT") is { Length: > 0 } report)
        {
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(figures, Report));
        }

        if (figures.FirstOrDefault(f => f.Value > f.Limit) is { } slow)
        {
            Console.Error.WriteLine($"{slow.Name}: {slow.Value:0.##} {slow.Unit}, at most {slow.Limit:0.##} is wanted.");
            return 1;
        }

        return 0;
    }
}
