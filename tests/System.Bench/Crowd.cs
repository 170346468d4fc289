using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <summary>The times of the orders of nine, in milliseconds and in order.</summary>
/// <param name="Name">What went on beside them.</param>
/// <param name="Latencies">Theirs.</param>
/// <param name="AtTheDoor">Of that, until they were accepted.</param>
/// <param name="OfTheHot">Those of the one who ordered ten times as much as all of them; empty when there was nobody.</param>
internal sealed record CrowdFigures(string Name, IReadOnlyList<double> Latencies, IReadOnlyList<double> AtTheDoor, IReadOnlyList<double> OfTheHot);

/// <summary>
/// Nine tenants who order what they always order, while a tenth orders ten times as much as all of them, which is more than can be done: what the nine notice
/// of it. And of as many orders as can be done, ten elevenths for one product: what the buyers of nine others notice of that.
/// ADR: docs/adr/0046-nobody-is-in-the-way.md.
/// </summary>
internal static class Crowd
{
    private const int Tenants = 10;
    private const double Times = 10;

    // Of the rate of the nine. The whole of it can be done.
    private const double Busy = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <param name="rate">Orders a second of the nine together.</param>
    /// <param name="scale">Of the durations.</param>
    /// <param name="tell">What is going on.</param>
    public static async Task<IReadOnlyList<CrowdFigures>> MeasureAsync(double rate, double scale, Action<string> tell)
    {
        var figures = new List<CrowdFigures>();
        foreach (var fair in (bool[])[true, false])
        {
            await using var mails = new MailSink();
            await using var cluster = await ShopCluster.StartAsync(new ClusterOptions { Smtp = mails.Address, Settings = SettingsOf(fair) });
            var operators = new List<ShopClient>();
            for (var tenant = 0; tenant < Tenants; tenant++)
            {
                operators.Add(await ShopClient.OfClientAsync(cluster, $"tenant-{tenant}", SecretOf(tenant)));
            }

            await using var buyers = await Buyers.OpenAsync(cluster, [.. operators]);
            tell("warming up …");
            await buyers.CompletionsAsync([.. (await buyers.ArriveAsync(rate * Busy, Durations.Seconds(60, scale))).Select(a => a.Id)], Patience);

            // The tenth has every tenth customer.
            Func<int, bool> isHot = i => i % Tenants == Tenants - 1;
            Func<Task<Guid>> nine = () => buyers.OrderAsync(i => !isHot(i), ..9);
            var name = fair ? "by turns" : "first come, first served";
            if (fair)
            {
                var tenth = rate * Busy / (Times + 1);
                figures.Add(await RunAsync("nine products beside nine others", nine, tenth, () => buyers.OrderAsync(i => !isHot(i), ..9)));
                figures.Add(await RunAsync("nine products beside a hot one", nine, tenth, () => buyers.OrderAsync(i => !isHot(i), 9..10)));
            }

            figures.Add(await RunAsync($"nine tenants alone, {name}", nine, rate, null));
            figures.Add(await RunAsync($"nine tenants beside a hot one, {name}", nine, rate, () => buyers.OrderAsync(i => isHot(i), 9..)));

            operators.ForEach(client => client.Dispose());

            async Task<CrowdFigures> RunAsync(string what, Func<Task<Guid>> order, double perSecond, Func<Task<Guid>>? hot)
            {
                tell($"{what} …");
                var duration = Durations.Seconds(60, scale);
                var others = buyers.ArriveAsync(perSecond, duration, new Random(2026), order);
                var flood = hot is null
                    ? Task.FromResult<IReadOnlyList<(Guid, DateTimeOffset, DateTimeOffset)>>([])
                    : buyers.ArriveAsync(perSecond * Times, duration, new Random(2027), hot);
                var arrivals = await others;
                return new CrowdFigures(
                    what,
                    await LatenciesAsync(arrivals),
                    [.. arrivals.Select(a => (a.Accepted - a.Intended).TotalMilliseconds).Order()],
                    await LatenciesAsync(await flood));
            }

            async Task<List<double>> LatenciesAsync(IReadOnlyList<(Guid Id, DateTimeOffset Intended, DateTimeOffset Accepted)> arrivals)
            {
                var completions = await buyers.CompletionsAsync([.. arrivals.Select(a => a.Id)], Patience);
                return [.. arrivals.Select(a => (completions[a.Id] - a.Intended).TotalMilliseconds).Order()];
            }
        }

        return figures;
    }

    private static Dictionary<string, string> SettingsOf(bool fair)
    {
        var settings = new Dictionary<string, string> { ["Messaging__FairShares"] = fair.ToString() };
        for (var tenant = 0; tenant < Tenants; tenant++)
        {
            settings[$"Users__Clients__tenant-{tenant}__Secret"] = SecretOf(tenant);
            settings[$"Users__Clients__tenant-{tenant}__Role"] = "operator";
            settings[$"Users__Clients__tenant-{tenant}__Tenant"] = $"tenant-{tenant}";
        }

        return settings;
    }

    private static string SecretOf(int tenant) => $"the secret of the operator of tenant {tenant}";
}
