using System.Diagnostics;
using System.Globalization;
using Chassis.Testing;
using Shop.Chaos.Faults;
using Shop.Chaos.Fuzz;
using Shop.Chaos.Invariants;
using Shop.Chaos.Load;
using Shop.Chaos.Report;
using Shop.Output;
using Spectre.Console;

namespace Shop.Chaos;

/// <summary>One run: the system is started, loaded, hurt, healed, left alone until it is quiet, and judged.</summary>
public sealed class ChaosRun
{
    /// <summary>Orders that a fault has to meet, where a wave has them: fewer prove nothing.</summary>
    public const int WorthHurting = 20;

    /// <summary>No fault is drawn out for longer than this: it may be what keeps the orders from coming.</summary>
    private static readonly TimeSpan LongestMeeting = TimeSpan.FromSeconds(10);

    private readonly RunSettings settings;
    private readonly Stage stage;
    private readonly Market market;
    private readonly IAnsiConsole console;
    private readonly Stopwatch clock = Stopwatch.StartNew();

    private ChaosRun(RunSettings settings, Stage stage, Market market, IAnsiConsole console) =>
        (this.settings, this.stage, this.market, this.console) = (settings, stage, market, console);

    /// <param name="settings">What to do.</param>
    /// <param name="servers">The servers to do it to.</param>
    /// <param name="logs">Folder for the output of every process.</param>
    /// <param name="console">Where the timeline goes.</param>
    public static async Task<RunReport> RunAsync(RunSettings settings, Servers servers, string logs, IAnsiConsole console)
    {
        if (Directory.Exists(logs))
        {
            Directory.Delete(logs, recursive: true);
        }

        Directory.CreateDirectory(logs);
        console.WriteLine($"Chaos: {settings.Orders} orders, {settings.Faults} faults, {settings.Replicas} replicas of each service, seed {settings.Seed}");
        await using var stage = await Stage.SetAsync(servers, settings, logs);
        using var market = await Market.OpenAsync(stage, settings, patience: TimeSpan.FromMinutes(3));
        return await new ChaosRun(settings, stage, market, console).RunAsync();
    }

    private Task<RunReport> RunAsync() => console.Status().StartAsync("Getting ready …", RunAsync);

    private async Task<RunReport> RunAsync(StatusContext status)
    {
        var schedule = new Arsenal(stage, market, new Random(settings.Seed)).Draw(settings.Faults, settings.FaultKinds, settings.IsLong);
        console.WriteLine($"{stage.Cluster.All.Count()} processes are ready. Each fault meets a wave of {settings.Orders / Math.Max(1, schedule.Count)} orders.");
        console.WriteLine();
        Row("at", "fault", "target", "for", "orders", "recovered");
        clock.Restart();
        var records = new List<FaultRecord>();
        var fuzzing = settings.Requests + settings.Messages > 0 ? FuzzRun.RunAsync(stage, market, settings) : Task.FromResult<IReadOnlyList<Verdict>>([]);
        var remaining = settings.Orders;
        for (var i = 0; i < schedule.Count; i++)
        {
            var wave = remaining / (schedule.Count - i);
            remaining -= wave;
            status.Status = $"Fault {i + 1} of {schedule.Count}: {schedule[i].Kind}".EscapeMarkup();
            records.Add(await StrikeAsync(schedule[i], wave));
        }

        status.Status = $"{remaining} orders more";
        await market.WaveAsync(remaining);   // all of them when nothing is to go wrong
        var fuzzed = await fuzzing;
        status.Status = "Everything is healed. Waiting for quiet …";
        var verdicts = new List<Verdict> { await Calm.WaitAsync(stage, market.Operator, settings.Quiet) };
        verdicts.AddRange(fuzzed);
        verdicts.AddRange(await Oracle.JudgeAsync(stage, market, records));
        return new RunReport(settings, clock.Elapsed, records, verdicts, await Oracle.OutcomesAsync(stage));
    }

    /// <summary>
    /// Half of the wave is on its way when the fault strikes, the other half is placed while it lasts: some faults take seconds to take effect,
    /// and a fast machine has ended an order before the next ones are placed. Others are over in an instant: those end when they have met orders enough.
    /// </summary>
    private async Task<FaultRecord> StrikeAsync(Fault fault, int wave)
    {
        var late = wave / 2;
        var load = market.WaveAsync(wave - late);
        var inFlight = await Poll.Until(InFlightAsync, n => load.IsCompleted || n >= Math.Min(WorthHurting, wave / 4), "orders to be under way", TimeSpan.FromSeconds(60));
        var started = clock.Elapsed;
        var placedBefore = market.Attempted;
        await fault.Inject();
        load = Task.WhenAll(load, market.WaveAsync(late));
        await Task.Delay(fault.Duration);
        await BecomesTrueAsync(() => Task.FromResult(load.IsCompleted || Met() >= Math.Min(WorthHurting, wave / 2)), "the fault to meet orders", LongestMeeting);
        await fault.Heal();
        var healed = clock.Elapsed;
        var met = Met();
        await load;
        TimeSpan? recovery = await BecomesTrueAsync(async () => await InFlightAsync() == 0, "the orders of this wave to end", settings.Patience)
            ? clock.Elapsed - healed
            : null;   // Not a verdict yet: the wait for quiet decides.
        var record = new FaultRecord(fault.Kind, fault.Target, started, healed - started, met, recovery);
        Row(Seconds(started), fault.Kind, fault.Target, Seconds(record.Duration), $"{met}", recovery is { } r ? Seconds(r) : "not yet");
        return record;

        long Met() => Math.Max(0, inFlight) + market.Attempted - placedBefore;
    }

    private static async Task<bool> BecomesTrueAsync(Func<Task<bool>> condition, string waitingFor, TimeSpan limit)
    {
        try
        {
            await Poll.Until(condition, waitingFor, limit);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task<long> InFlightAsync()
    {
        try
        {
            return await stage.OrdersInFlightAsync(market.Abandoning);
        }
        catch (Npgsql.NpgsqlException)
        {
            return -1;   // the database is what is being hurt
        }
    }

    private void Row(string at, string fault, string target, string duration, string orders, string recovered) =>
        console.Row((at, -8), (fault, 52), (target, 36), (duration, -8), (orders, -9), (recovered, -9));

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0}s");
}
