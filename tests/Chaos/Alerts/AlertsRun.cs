using System.Diagnostics;
using System.Globalization;
using Chassis.Testing;
using Shop.Chaos.Faults;
using Shop.Chaos.Load;
using Shop.Output;
using Spectre.Console;

namespace Shop.Chaos.Alerts;

/// <summary>
/// <c>make chaos ALERTS=1</c>: while orders go on, every fault in turn has to make its alerts fire, and its end to make them stop; as long as nothing is wrong,
/// none fires.
/// </summary>
internal sealed class AlertsRun(Stage stage, Market market, Watch watch, IAnsiConsole console)
{
    /// <summary>
    /// How many times faster than in earnest windows and thresholds are. What is quick on a quiet machine must not look old on a busy one: 30 s become 2.
    /// </summary>
    private const int Speed = 15;

    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(30);

    /// <summary>Real ages, retries and restarts are no faster than in earnest.</summary>
    private static readonly TimeSpan UntilItFires = TimeSpan.FromMinutes(4);

    /// <summary>The longest window of an alert that has to be left behind is two hours.</summary>
    private static readonly TimeSpan UntilItStops = TimeSpan.FromHours(2) / Speed + TimeSpan.FromMinutes(4);

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <param name="settings">Whose orders go on; of its faults, the trials whose words contain one of them.</param>
    /// <param name="servers">The servers to do it to.</param>
    /// <param name="logs">Folder for the output of every process.</param>
    /// <param name="console">Where the table goes.</param>
    /// <returns>Whether every alert has fired for its fault and has stopped.</returns>
    public static async Task<bool> RunAsync(RunSettings settings, Servers servers, string logs, IAnsiConsole console)
    {
        Directory.CreateDirectory(logs);
        settings = settings with
        {
            Orders = 20_000,
            IsScraped = true,
            OrderKinds = [OrderKind.Ships, OrderKind.Ships, OrderKind.Ships, OrderKind.Declined, OrderKind.OutOfStock],
            // What was put off is tried again within seconds, and not minutes: it would keep its alerts alive.
            ServiceSettings = new Dictionary<string, string>(
                from key in (string[])["Mail__Retries", "Webhooks__Schedule"]
                from n in Enumerable.Range(0, 40)
                select KeyValuePair.Create($"{key}__{n}", "00:00:05"))
            {
                ["Webhooks__CircuitBreak"] = "00:00:05",
                ["Webhooks__MaxCircuitBreak"] = "00:00:10",
                ["Messaging__SendAttempts"] = "4",
                ["RateLimit__Concurrent"] = "1000",
                ["Fulfilment__Authorization"] = "00:10:00",
            },
        };
        await using var stage = await Stage.SetAsync(servers, settings, logs);
        using var market = await Market.OpenAsync(stage, settings, patience: TimeSpan.FromMinutes(3));
        await using var watch = await Watch.StartAsync(stage, Speed);
        return await new AlertsRun(stage, market, watch, console).RunAsync(settings.FaultKinds);
    }

    private async Task<bool> RunAsync(IReadOnlyList<string> chosen)
    {
        var trials = Trials.All.Where(t => chosen.Count == 0 || chosen.Any(c => t.Fault.Contains(c, StringComparison.OrdinalIgnoreCase))).ToList();
        var unproven = (await watch.AlertsAsync()).Except(Trials.All.SelectMany(t => t.Alerts).Select(a => a.Split('/')[0])).ToList();
        unproven.ForEach(alert => console.Plain($"No fault proves {alert}."));
        using var stop = new CancellationTokenSource();
        var orders = GoOnAsync(stop.Token);
        var passed = unproven.Count == 0 & await IsCalmAsync();
        console.Row(("at", -8), ("alert", 42), ("fault", 76), ("fired", -8), ("stopped", -9));
        foreach (var trial in trials)
        {
            passed &= await TryAsync(trial);
        }

        await stop.CancelAsync();
        await orders;
        console.Plain(passed ? "PASSED: every alert fired for its fault, and stopped when it was over." : "FAILED");
        return passed;
    }

    private async Task GoOnAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await Task.WhenAll(market.WaveAsync(2), Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None));
        }
    }

    /// <summary>
    /// While nothing is wrong nothing fires, for half a minute: what came up with the processes may be over first, and a busy machine may need a while.
    /// </summary>
    private async Task<bool> IsCalmAsync()
    {
        var (calmSince, until) = (_clock.Elapsed, _clock.Elapsed + UntilItStops);
        while (_clock.Elapsed - calmSince < Calm)
        {
            if (await watch.FiringAsync() is { Count: > 0 } firing)
            {
                calmSince = _clock.Elapsed;
                if (calmSince > until)
                {
                    console.Plain($"Nothing is wrong, and there fire: {string.Join(", ", firing.Where(f => !f.Contains('/', StringComparison.Ordinal)))}");
                    return false;
                }
            }

            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        return true;
    }

    private async Task<bool> TryAsync(Trial trial)
    {
        var began = _clock.Elapsed;
        var fired = new Dictionary<string, TimeSpan>();
        var injecting = trial.Inject(stage);
        while (fired.Count < trial.Alerts.Count && _clock.Elapsed < began + UntilItFires)
        {
            var firing = await watch.FiringAsync();
            foreach (var alert in trial.Alerts.Where(a => firing.Contains(a)))
            {
                fired.TryAdd(alert, _clock.Elapsed - began);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }

        var heal = await injecting;
        await heal();
        var healed = _clock.Elapsed;
        var passed = true;
        foreach (var alert in trial.Alerts)
        {
            TimeSpan? stopped = null;
            while (stopped is null && _clock.Elapsed < healed + UntilItStops)
            {
                if ((await watch.FiringAsync()).Contains(alert))
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(300));
                }
                else
                {
                    stopped = _clock.Elapsed - healed;
                }
            }

            TimeSpan? after = fired.TryGetValue(alert, out var at) ? at : null;
            console.Row((Seconds(began), -8), (alert, 42), (trial.Fault, 76), (after is null ? "NEVER" : Seconds(after.Value), -8), (stopped is null ? "NEVER" : Seconds(stopped.Value), -9));
            passed &= after is not null && stopped is not null;
        }

        return passed;
    }

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0}s");
}
