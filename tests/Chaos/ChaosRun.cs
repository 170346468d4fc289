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

    private readonly RunSettings _settings;
    private readonly Stage _stage;
    private readonly Market _market;
    private readonly IAnsiConsole _console;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private ChaosRun(RunSettings settings, Stage stage, Market market, IAnsiConsole console) =>
        (this._settings, this._stage, this._market, this._console) = (settings, stage, market, console);

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
        console.WriteLine($"Chaos: {settings.Orders} orders, {settings.Faults} faults, {settings.Replicas} replicas of each service,{(settings.Cluster ? " three broker nodes," : "")} seed {settings.Seed}");
        await using var stage = await Stage.SetAsync(servers, settings, logs);
        using var market = await Market.OpenAsync(stage, settings, patience: TimeSpan.FromMinutes(3));
        return await new ChaosRun(settings, stage, market, console).RunAsync();
    }

    private Task<RunReport> RunAsync() => _console.Status().StartAsync("Getting ready …", RunAsync);

    private async Task<RunReport> RunAsync(StatusContext status)
    {
        var arsenal = new Arsenal(_stage, _market, new Random(_settings.Seed));
        var schedule = _settings.UpgradeFrom is { } earlier
            ? arsenal.Upgrade(earlier, _settings.Build)
            : arsenal.Draw(_settings.Faults, _settings.FaultKinds, _settings.IsLong);
        _console.WriteLine(
            $"{_stage.Cluster.All.Count()} processes are ready. Each fault meets a wave of {_settings.Orders / Math.Max(1, schedule.Count)} orders.");
        _console.WriteLine();
        Row("at", "fault", "target", "for", "orders", "recovered");
        _clock.Restart();
        var records = new List<FaultRecord>();
        var fuzzing = _settings.Requests + _settings.Messages > 0 ? FuzzRun.RunAsync(_stage, _market, _settings) : Task.FromResult<IReadOnlyList<Verdict>>([]);
        await using var visitor = Visitor.Of(_stage, _settings);
        var remaining = _settings.Orders;
        for (var i = 0; i < schedule.Count; i++)
        {
            var wave = remaining / (schedule.Count - i);
            remaining -= wave;
            status.Status = $"Fault {i + 1} of {schedule.Count}: {schedule[i].Kind}".EscapeMarkup();
            records.Add(await StrikeAsync(schedule[i], wave));
        }

        status.Status = $"{remaining} orders more";
        await _market.WaveAsync(remaining);   // all of them when nothing is to go wrong
        var fuzzed = await fuzzing;
        await (visitor?.EndAsync() ?? Task.CompletedTask);
        status.Status = "Everything is healed. Waiting for quiet …";
        var verdicts = new List<Verdict> { await Calm.WaitAsync(_stage, _market.Operator, _settings.Quiet) };
        verdicts.AddRange(fuzzed);
        if (visitor is not null)
        {
            verdicts.Add(await OpenConsole.JudgeAsync(visitor, _settings.Quiet));
        }

        verdicts.AddRange(await Oracle.JudgeAsync(_stage, _market, records));
        return new RunReport(_settings, _clock.Elapsed, records, verdicts, await Oracle.OutcomesAsync(_stage));
    }

    /// <summary>
    /// Half of the wave is on its way when the fault strikes, the other half is placed while it lasts: some faults take seconds to take effect,
    /// and a fast machine has ended an order before the next ones are placed. Others are over in an instant: those end when they have met orders enough.
    /// </summary>
    private async Task<FaultRecord> StrikeAsync(Fault fault, int wave)
    {
        var late = wave / 2;
        var load = _market.WaveAsync(wave - late);
        var inFlight = await Poll.UntilAsync(
            InFlightAsync, n => load.IsCompleted || n >= Math.Min(WorthHurting, wave / 4), "orders to be under way", TimeSpan.FromSeconds(60));
        var started = _clock.Elapsed;
        var placedBefore = _market.Attempted;
        await fault.Inject();
        // So many at once: a fault that lets none of them through meets no more.
        load = Task.WhenAll(load, _market.WaveAsync(late, atOnce: WorthHurting));
        await Task.Delay(fault.Duration);
        await BecomesTrueAsync(
            () => Task.FromResult(load.IsCompleted || Met() >= Math.Min(WorthHurting, wave / 2)), "the fault to meet orders", LongestMeeting);
        await fault.Heal();
        var healed = _clock.Elapsed;
        var met = Met();
        await load;
        TimeSpan? recovery = await BecomesTrueAsync(async () => await InFlightAsync() == 0, "the orders of this wave to end", _settings.Patience)
            ? _clock.Elapsed - healed
            : null;   // Not a verdict yet: the wait for quiet decides.
        await (fault.Rejoin?.Invoke() ?? Task.CompletedTask);
        var record = new FaultRecord(fault.Kind, fault.Target, started, healed - started, met, recovery, fault.Limit);
        Row(Seconds(started), fault.Kind, fault.Target, Seconds(record.Duration), $"{met}", recovery is { } r ? Seconds(r) : "not yet");
        return record;

        long Met() => Math.Max(0, inFlight) + _market.Attempted - placedBefore;
    }

    private static async Task<bool> BecomesTrueAsync(Func<Task<bool>> condition, string waitingFor, TimeSpan limit)
    {
        try
        {
            await Poll.UntilAsync(condition, waitingFor, limit);
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
            return await _stage.OrdersInFlightAsync(_market.Abandoning);
        }
        catch (Npgsql.NpgsqlException)
        {
            return -1;   // the database is what is being hurt
        }
    }

    private void Row(string at, string fault, string target, string duration, string orders, string recovered) =>
        _console.Row((at, -8), (fault, 52), (target, 36), (duration, -8), (orders, -9), (recovered, -9));

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0}s");
}
