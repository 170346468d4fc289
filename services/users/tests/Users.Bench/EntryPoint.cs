using System.Text.Json;
using Inventory.Bench;
using Shop.Output;
using Spectre.Console;

namespace Users.Bench;

internal static class EntryPoint
{
    public static async Task<int> Main()
    {
        // What signing in and showing a token cost, against what no service can do without: the hash of a password, the check of a signature. In turns; medians
        // of the rounds.
        const int rounds = 3;
        Environment.SetEnvironmentVariable("ASPNETCORE_TEST_CONTENTROOT_USERS", AppContext.BaseDirectory);
        await using var users = new SignIns();
        await users.InitializeAsync();
        var (signature, validation, hash, known, unknown) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(),
        new List<double>());
        await users.ValidationAsync(5_000);
        users.BareSignature(5_000);
        for (var round = 0; round < rounds; round++)
        {
            signature.Add(users.BareSignature(10_000));
            validation.Add(await users.ValidationAsync(10_000));
            hash.Add(await users.HashAsync(15));
            known.Add(await users.KnownAsync(15));
            unknown.Add(await users.UnknownAsync(15));
        }

        Figure[] figures =
        [
            new("token: an ES256 signature alone", Math.Round(Median(signature), 1), "µs"),
            new("token: validation", Math.Round(Median(validation), 1), "µs", Ratio: Ratio(validation, signature)),
            new("sign-in: the hash of a password alone", Math.Round(Median(hash), 1), "ms"),
            new("sign-in: of an account", Math.Round(Median(known), 1), "ms", Ratio: Ratio(known, hash)),
            new("sign-in: of an address that nobody has", Math.Round(Median(unknown), 1), "ms", Ratio: Ratio(unknown, hash)),
        ];

        var table = new Table().Border(TableBorder.Simple)
            .AddColumns(new("figure"), new TableColumn("value").RightAligned(), new TableColumn("unit"), new TableColumn("of the least").RightAligned());
        foreach (var figure in figures)
        {
            table.AddRow(figure.Name.EscapeMarkup(), $"{figure.Value:0.0}", figure.Unit, $"{figure.Ratio:0.00}");
        }

        Terminal.Open().Write(table);
        if (Environment.GetEnvironmentVariable("BENCH_REPORT") is { Length: > 0 } report)
        {
            await File.WriteAllTextAsync(report, JsonSerializer.Serialize(figures, JsonOptions.Report));
        }

        return 0;

        static double Ratio(List<double> values, List<double> least) => Math.Round(Median(values) / Median(least), 2);

        static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
    }
}
