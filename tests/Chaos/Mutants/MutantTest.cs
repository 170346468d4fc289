using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Shop.Chaos.Faults;
using Shop.Chaos.Load;
using Shop.Cluster;
using Shop.Output;
using Spectre.Console;

namespace Shop.Chaos.Mutants;

/// <summary>
/// The test of the invariants: every planted bug must be noticed, by the invariant that is there for it, and the same binaries without a bug must pass
/// under all the faults that the others met. Each run is a system of its own; what it said is kept in a file.
/// </summary>
public static class MutantTest
{
    public const string ControlName = "(none)";

    private const int OrdersOfOneRun = 40;
    private const int OrdersPerFaultOfTheControl = 14;

    // Short, since a bug that holds orders up waits them out; the control must keep to them as well.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    // Who never confirms a payment is waited for as long as the deadline says: only where a bug needs that.
    private static readonly OrderKind[] QuickKinds = [.. Enum.GetValues<OrderKind>().Where(k => k != OrderKind.AbandonsPayment)];

    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="build">Root of the tree that was built with every patch in it.</param>
    /// <param name="servers">The servers of the runs.</param>
    /// <param name="reports">Folder for the report, and for what each run says.</param>
    /// <param name="console">Where the results go, as they come.</param>
    public static async Task<int> RunAsync(string build, Servers servers, string reports, IAnsiConsole console)
    {
        var common = new RunSettings
        {
            Build = build, Orders = OrdersOfOneRun, OrderKinds = QuickKinds, Seed = 1, Replicas = 1, Quiet = Quiet, Patience = Patience,
        };
        var planted = Mutant.AllIn(Path.Combine(ShopCluster.Root, "tests/Chaos/Mutants"), common);
        var words = RunSettings.Words(Environment.GetEnvironmentVariable("MUTANTS"));
        Mutant[] wanted =
        [
            .. new[] { Control(planted, common) }.Concat(planted).Where(m => words.Length == 0 || words.Any(w => m.Name.Contains(w, StringComparison.Ordinal))),
        ];
        if (wanted.Length == 0)
        {
            console.Plain($"There is no mutant whose name contains {string.Join(" or ", words)}.");
            return 1;
        }

        var folder = Path.Combine(reports, "mutants");
        Directory.CreateDirectory(folder);
        console.WriteLine($"{"mutant",-26} {"caught by",-25} {"seconds",7}  what it breaks");
        var results = new ConcurrentBag<Result>();
        await console.Status().StartAsync($"{wanted.Length} runs …", async _ =>
        {
            foreach (var mutant in wanted.Where(WantsThemAlone))
            {
                await TellAsync(mutant);
            }

            // The others leave the servers alone and can share them.
            var together = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
            await Parallel.ForEachAsync(wanted.Where(m => !WantsThemAlone(m)), together, async (mutant, _) => await TellAsync(mutant));
        });
        File.WriteAllText(Path.Combine(reports, "mutants.json"), JsonSerializer.Serialize(results.OrderBy(r => r.Mutant, StringComparer.Ordinal), JsonOptions));
        var failed = results.Count(r => !r.Passed);
        console.WriteLine();
        console.Plain("Report: .local/reports/mutants.json; what each run said: .local/reports/mutants/");
        console.Plain($"{results.Count - failed} passed, {failed} failed, 0 skipped");
        return failed == 0 ? 0 : 1;

        async Task TellAsync(Mutant mutant)
        {
            var result = await TryAsync(mutant, build, servers, folder);
            results.Add(result);
            console.WriteLine(result.Line);
        }

        static bool WantsThemAlone(Mutant mutant) => mutant.Settings?.FaultKinds.Any(Arsenal.HurtsServers) == true;
    }

    /// <summary>No bug, and everything that the runs with bugs are put through; or with <c>FAULTS</c> so many of their faults.</summary>
    private static Mutant Control(IReadOnlyList<Mutant> mutants, RunSettings common)
    {
        RunSettings[] runs = [.. mutants.Select(m => m.Settings).OfType<RunSettings>()];
        var faults = runs.SelectMany(r => r.FaultKinds).Distinct().Order(StringComparer.Ordinal).ToArray();
        var count = Math.Min(RunSettings.Number("FAULTS", faults.Length), faults.Length);
        return new Mutant(ControlName, "nothing: the same binaries must pass", "", common with
        {
            Faults = count,
            FaultKinds = faults,
            OrderKinds = [],
            Orders = Math.Max(OrdersOfOneRun, count * OrdersPerFaultOfTheControl),
            Replicas = runs.Max(r => r.Replicas),
            ServiceSettings = runs.SelectMany(r => r.ServiceSettings).Where(s => s.Key != Mutant.Switch).DistinctBy(s => s.Key).ToDictionary(),
        });
    }

    private static async Task<Result> TryAsync(Mutant mutant, string build, Servers servers, string folder)
    {
        var watch = Stopwatch.StartNew();
        var name = mutant.Name.Trim('(', ')');
        string[] violated = [];
        string? trouble = null;
        await using (var log = new StreamWriter(Path.Combine(folder, $"{name}.log")) { AutoFlush = true })
        {
            try
            {
                violated = mutant.Settings is { } run
                    ? await ViolatedAsync(run, servers, Path.Combine(folder, name), log)
                    : await CatchingTest.FailsAsync(build, mutant, log) ? [mutant.CaughtBy] : [];
            }
            catch (Exception e)
            {
                // A run that breaks off has shown nothing, least of all that an invariant works.
                trouble = e.Message;
                await log.WriteLineAsync(e.ToString());
            }
        }

        var passed = trouble is null && (mutant.Name == ControlName ? violated.Length == 0 : violated.Contains(mutant.CaughtBy));
        return new Result(mutant.Name, mutant.Breaks, mutant.CaughtBy, passed, violated, Math.Round(watch.Elapsed.TotalSeconds, 1), trouble);
    }

    private static async Task<string[]> ViolatedAsync(RunSettings run, Servers servers, string logs, TextWriter log)
    {
        var said = Terminal.Open(log);
        var report = await ChaosRun.RunAsync(run, servers, logs, said);
        report.Print(said);
        return [.. report.Verdicts.Where(v => v.Violations.Count > 0).Select(v => v.Key)];
    }

    /// <param name="Mutant">Its name; <c>(none)</c> for the control.</param>
    /// <param name="Breaks">What is wrong.</param>
    /// <param name="Catcher">The invariant or test that must notice.</param>
    /// <param name="Passed">Whether it did; of the control, whether nothing was noticed.</param>
    /// <param name="Violated">Every invariant that was violated.</param>
    /// <param name="Seconds">How long the run took.</param>
    /// <param name="Trouble">Why the run broke off; null when it did not.</param>
    private sealed record Result(string Mutant, string Breaks, string Catcher, bool Passed, IReadOnlyList<string> Violated, double Seconds, string? Trouble)
    {
        public string Line => string.Create(CultureInfo.InvariantCulture, $"{Mutant,-26} {Verdict,-25} {Seconds,7:0}  {Breaks}{Besides}");

        private string Verdict => (Trouble, Passed, Mutant == ControlName) switch
        {
            (not null, _, _) => "BROKE OFF",
            (_, true, true) => "holds",
            (_, true, false) => Catcher.Split('.') is [.., var type, _] ? type : Catcher,
            (_, false, true) => "VIOLATED",
            _ => "SURVIVED",
        };

        private string Besides => Trouble is not null ? $" [{Trouble}]"
            : Passed || Violated.Count == 0 ? ""
            : $" [violated: {string.Join(", ", Violated)}]";
    }
}
