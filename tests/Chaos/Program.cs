using Shop.Chaos;
using Shop.Chaos.Alerts;
using Shop.Chaos.Faults;
using Shop.Chaos.Mutants;
using Shop.Cluster;
using Shop.Output;
using Spectre.Console;

// make chaos: real services, real servers, seeded faults; afterwards the invariants, from outside and in the databases.
// make chaos ALERTS=1: each alert, fired by the fault that it is for.
// make chaos-mutants: the same, once for each planted bug, to see whether the invariants find it.
var reports = Path.Combine(ShopCluster.Root, ".local", "reports");
var console = Terminal.Open();
var servers = new Servers(Environment.GetEnvironmentVariable("SERVERS") ?? "chaos", new Dictionary<string, string>());
if (args is ["mutants", var build])
{
    return await MutantTest.RunAsync(build, servers, reports, console);
}

var settings = RunSettings.FromEnvironment();
try
{
    if (Environment.GetEnvironmentVariable("ALERTS") is { Length: > 0 })
    {
        return await AlertsRun.RunAsync(settings, servers, Path.Combine(reports, "chaos-logs"), console) ? 0 : 1;
    }

    var report = await ChaosRun.RunAsync(settings, servers, Path.Combine(reports, "chaos-logs"), console);
    report.Print(console);
    report.Write(reports);
    console.Plain("Report: .local/reports/chaos.html");
    return report.Passed ? 0 : 1;
}
catch (Exception e)
{
    console.Plain($"BROKE OFF, so that nothing is shown: {e}");
    console.Plain($"Again: {settings.Again}");
    return 2;
}
