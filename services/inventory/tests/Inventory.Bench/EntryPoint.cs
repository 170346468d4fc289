using System.Globalization;
using System.Text.Json;
using Shop.Output;
using Spectre.Console;

namespace Inventory.Bench;

internal static class EntryPoint
{
    public static async Task<int> Main()
    {
        // How fast one hot sku can be reserved, against the least that any such system has to do: one conditional update of one row.
        // All of it on one database, in turns, so that whatever else the machine does hits everybody. Medians of the rounds.
        const int rounds = 3;
        var seconds = TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("BENCH_SECONDS") ?? "4", CultureInfo.InvariantCulture));

        // The service needs no files of its own.
        Environment.SetEnvironmentVariable("ASPNETCORE_TEST_CONTENTROOT_INVENTORY", AppContext.BaseDirectory);
        await using var shop = new HotSku();
        await shop.InitializeAsync();
        var bare = new List<double>();
        var crowd = new List<double>();
        var single = new List<double>();
        var answered = new List<double>();
        await shop.WarmUpAsync();
        for (var round = 0; round < rounds; round++)
        {
            bare.Add(await shop.BareUpdatesAsync(seconds));
            crowd.Add(await shop.CrowdAsync(seconds));
            single.Add(await shop.OneByOneAsync(seconds));
            answered.Add(await shop.AnsweredReservationsAsync(1_500));
        }

        await shop.VerifyAsync();
        var reference = Median(bare);
        Figure[] figures =
        [
            new("hot sku: bare conditional update", Math.Round(reference), "1/s"),
            new("hot sku: reservations of a crowd, answers in the outbox", Math.Round(Median(crowd)), "1/s", 0.5, Ratio(crowd)),
            new("hot sku: the same, each in a transaction of its own", Math.Round(Median(single)), "1/s", Ratio: Ratio(single)),
            new("hot sku: over the broker, from command to answer", Math.Round(Median(answered)), "1/s", Ratio: Ratio(answered)),
        ];

        var table = new Table().Border(TableBorder.Simple)
            .AddColumns(new("figure"), new TableColumn("value").RightAligned(), new TableColumn("unit"), new TableColumn("of the bare update").RightAligned());
        foreach (var figure in figures)
        {
            table.AddRow(figure.Name.EscapeMarkup(), $"{figure.Value:0}", figure.Unit, $"{figure.Ratio:0.00}");
        }

        Terminal.Open().Write(table);

        if (Environment.GetEnvironmentVariable("BENCH_REPORT") is { Length: > 0 } report)
        {
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(figures, JsonOptions.Report));
        }

        if (figures.FirstOrDefault(f => f.Ratio < f.Limit) is { } slow)
        {
            Console.Error.WriteLine($"{slow.Name}: {slow.Ratio:0.00} of the bare update, at least {slow.Limit:0.00} is wanted.");
            return 1;
        }

        return 0;

        double Ratio(List<double> values) => Math.Round(Median(values) / reference, 2);

        static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }
}
