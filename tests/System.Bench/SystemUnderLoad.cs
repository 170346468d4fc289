using System.Diagnostics;
using Chassis.Testing;
using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <summary>What one run of the whole system showed.</summary>
internal sealed record SystemFigures(
    int Replicas,
    double OrdersPerSecond,
    IReadOnlyList<double> Steadiness,
    double MailsPerOrder,
    TimeSpan MailsBehind,
    TimeSpan Window,
    DurableWork PerOrder,
    IReadOnlyList<ProcessUse> Uses,
    double ArrivalsPerSecond,
    IReadOnlyList<double> Latencies,
    double ReadsPerSecond);

/// <summary>The system as fast as it goes.</summary>
/// <param name="OrdersPerSecond">That were completed.</param>
/// <param name="ProcessorSeconds">Of the four services, for an order.</param>
internal sealed record Saturation(double OrdersPerSecond, double ProcessorSeconds);

/// <summary>
/// The services as processes with real PostgreSQL and RabbitMQ, the payment sandbox and a mail sink: saturated, then at a fixed rate, then read.
/// </summary>
internal static class SystemUnderLoad
{
    private const int UnderWay = 96;
    private const int Readers = 16;

    /// <summary>Confirmed, and on its way.</summary>
    private const int MailsOfAnOrder = 2;
    private const double ShareOfSaturation = 0.6;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(5);

    /// <summary>What telemetry costs: the system saturated without anybody who listens and with the listeners of <c>make observe</c>, in turn.</summary>
    /// <returns>Of each round, orders a second and processor time of the services for an order, without and with.</returns>
    public static async Task<IReadOnlyList<(Saturation Without, Saturation With)>> CompareTelemetryAsync(int rounds, double scale, Action<string> tell)
    {
        var compared = new List<(Saturation, Saturation)>();
        for (var round = 1; round <= rounds; round++)
        {
            // Whoever comes second finds warmer files.
            var withFirst = round % 2 == 0;
            var first = await SaturateAsync(withFirst);
            var second = await SaturateAsync(!withFirst);
            compared.Add(withFirst ? (second, first) : (first, second));

            async Task<Saturation> SaturateAsync(bool isListenedTo)
            {
                tell(isListenedTo ? $"round {round}, with listeners …" : $"round {round}, without …");
                await using var mails = new MailSink();
                await using var listeners = isListenedTo ? await Listeners.StartAsync() : null;
                await using var cluster = await ShopCluster.StartAsync(new ClusterOptions
                {
                    Smtp = mails.Address, SettingsOfReplica = listeners is null ? null : (service, _) => listeners.EnvironmentOf(service),
                });
                await using var buyers = await Buyers.OpenAsync(cluster);
                var machine = await Machine.WatchAsync(cluster);
                using var stop = new CancellationTokenSource();
                var load = buyers.KeepUnderWayAsync(UnderWay, stop.Token);
                await Task.WhenAny(load, Task.Delay(Durations.Seconds(45, scale)));
                var began = DateTimeOffset.UtcNow;
                machine.Start();
                await Task.WhenAny(load, Task.Delay(Durations.Seconds(45, scale)));
                machine.Stop();
                var ended = DateTimeOffset.UtcNow;
                await stop.CancelAsync();
                var uses = machine.Uses();
                var completed = (await buyers.CompletionsAsync(await load, Patience)).Values.Count(at => at >= began && at < ended);
                if (listeners is { Scrapes: 0 } or { Bytes: 0 })
                {
                    throw new InvalidOperationException("Nobody has listened.");
                }

                return new Saturation(
                    completed / (ended - began).TotalSeconds,
                    uses.Where(u => ShopCluster.ServiceNames.Any(s => u.Name.StartsWith(s, StringComparison.Ordinal))).Sum(u => u.CpuSeconds) / completed);
            }
        }

        return compared;
    }

    public static async Task<SystemFigures> MeasureAsync(int replicas, double scale, Action<string> tell)
    {
        await using var mails = new MailSink();
        await using var cluster = await ShopCluster.StartAsync(new ClusterOptions
        {
            Replicas = replicas,
            Smtp = mails.Address,
        });
        await using var buyers = await Buyers.OpenAsync(cluster);
        var machine = await Machine.WatchAsync(cluster);

        // Warm first: each process compiles what it runs often, twice what it runs most, and takes a share of the processors for it.
        tell("warming up …");
        using var stop = new CancellationTokenSource();
        var load = buyers.KeepUnderWayAsync(UnderWay, stop.Token);
        await Task.WhenAny(load, Task.Delay(Durations.Seconds(30 * (1 + replicas), scale)));
        tell("saturated …");
        var (began, mailsBefore, workBefore) = (DateTimeOffset.UtcNow, mails.Mails.Count, await DurableWork.ReadAsync(cluster.Vhost));
        machine.Start();
        await Task.WhenAny(load, Task.Delay(Durations.Seconds(30, scale)));
        machine.Stop();
        var (ended, mailsAfter, work) = (DateTimeOffset.UtcNow, mails.Mails.Count, await DurableWork.ReadAsync(cluster.Vhost) - workBefore);
        await stop.CancelAsync();
        var uses = machine.Uses();
        var placed = await load;
        var completed = (await buyers.CompletionsAsync(placed, Patience)).Values.Where(at => at >= began && at < ended).ToArray();
        if (completed.Length == 0)
        {
            throw new TimeoutException("No order was completed in the window; the machine is too busy, or BENCH_SCALE too small.");
        }

        var rate = completed.Length / (ended - began).TotalSeconds;
        tell("mails …");
        var catchingUp = Stopwatch.StartNew();
        await Poll.UntilAsync(() => mails.Mails.Count >= MailsOfAnOrder * placed.Count, "the mails of these orders to be out", Patience);
        var behind = catchingUp.Elapsed;

        tell("at a fixed rate …");
        var arrivals = await buyers.ArriveAsync(rate * ShareOfSaturation, Durations.Seconds(35, scale));
        var completions = await buyers.CompletionsAsync([.. arrivals.Select(a => a.Id)], Patience);
        var settled = arrivals[0].Intended + Durations.Seconds(5, scale);
        double[] latencies = [.. arrivals.Where(a => a.Intended >= settled).Select(a => (completions[a.Id] - a.Intended).TotalMilliseconds).Order()];

        tell("reading …");
        var reads = await buyers.ReadAsync(placed, Readers, Durations.Seconds(6, scale));
        return new SystemFigures(
            replicas,
            rate,
            [.. Enumerable.Range(0, (int)((ended - began) / Slice)).Select(n => completed.Count(at => (int)((at - began) / Slice) == n) / Slice.TotalSeconds)],
            (mailsAfter - mailsBefore) / (double)completed.Length,
            behind,
            ended - began,
            work / completed.Length,
            uses,
            rate * ShareOfSaturation,
            latencies,
            reads);
    }
}
