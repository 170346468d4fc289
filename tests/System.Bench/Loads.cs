using Chassis.Testing;
using Npgsql;
using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <summary>What the system showed under one load.</summary>
/// <param name="ArrivalsPerSecond">At random moments, as customers come who do not know each other.</param>
/// <param name="Latencies">From the moment an order was meant to arrive to its end, in milliseconds, in order.</param>
/// <param name="ProcessorMilliseconds">For an order, by process.</param>
/// <param name="PerOrder">What database and broker did.</param>
/// <param name="DatabaseBytes">By which the databases grew, for an order.</param>
internal sealed record LoadFigures(
    double ArrivalsPerSecond,
    IReadOnlyList<double> Latencies,
    IReadOnlyDictionary<string, double> ProcessorMilliseconds,
    DurableWork PerOrder,
    double DatabaseBytes);

/// <summary>The system under several loads, one after the other: what docs/scale.md is held against.</summary>
internal static class Loads
{
    private const int UnderWay = 96;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <param name="rates">Orders a second.</param>
    /// <param name="scale">Of the durations.</param>
    /// <param name="tell">What is going on.</param>
    /// <returns>The figures of each load, and how many connections the servers held.</returns>
    public static async Task<(IReadOnlyList<LoadFigures> Loads, long Connections)> MeasureAsync(
        IReadOnlyList<double> rates, double scale, Action<string> tell)
    {
        await using var mails = new MailSink();
        await using var cluster = await ShopCluster.StartAsync(new ClusterOptions { Smtp = mails.Address });
        await using var buyers = await Buyers.OpenAsync(cluster);
        var machine = await Machine.WatchAsync(cluster);
        tell("warming up …");
        using (var stop = new CancellationTokenSource())
        {
            var load = buyers.KeepUnderWayAsync(UnderWay, stop.Token);
            await Task.WhenAny(load, Task.Delay(Durations.Seconds(60, scale)));
            await stop.CancelAsync();
            await buyers.CompletionsAsync(await load, Patience);
        }

        var figures = new List<LoadFigures>();
        foreach (var rate in rates)
        {
            tell($"{rate} orders/s …");
            // What the load before has left to do is not this one's.
            await Poll.UntilAsync(async () => await MessagesLeftAsync(cluster), left => left == 0, "every outbox to be empty", Patience);
            var (before, bytesBefore) = (await DurableWork.ReadAsync(cluster.Vhost), await BytesAsync());
            machine.Start();
            var arrivals = await buyers.ArriveAsync(rate, Durations.Seconds(60, scale), new Random(2026));
            machine.Stop();
            var completions = await buyers.CompletionsAsync([.. arrivals.Select(a => a.Id)], Patience);
            var (work, bytes) = (await DurableWork.ReadAsync(cluster.Vhost) - before, await BytesAsync() - bytesBefore);
            figures.Add(new LoadFigures(
                rate,
                [.. arrivals.Select(a => (completions[a.Id] - a.Intended).TotalMilliseconds).Order()],
                machine.Uses().ToDictionary(u => u.Name, u => u.CpuSeconds * 1000 / arrivals.Count),
                work / arrivals.Count,
                bytes / arrivals.Count));
        }

        return (figures, await ScalarAsync("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"));
    }

    private static async Task<long> MessagesLeftAsync(ShopCluster cluster)
    {
        var left = 0L;
        foreach (var service in ShopCluster.ServiceNames)
        {
            await using var source = NpgsqlDataSource.Create(cluster.Database(service).Administration);
            await using var command = source.CreateCommand("SELECT count(*) FROM messaging.outbox WHERE NOT scheduled");
            left += (long)(await command.ExecuteScalarAsync())!;
        }

        return left;
    }

    private static async Task<double> BytesAsync() => await ScalarAsync("SELECT sum(pg_database_size(oid))::int8 FROM pg_database");

    private static async Task<long> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(TestServers.Postgres);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
