using Shop.Chaos;
using Shop.Chaos.Faults;
using Shop.Chaos.Mutants;
using Shop.Cluster;

// make chaos: real services, real servers, seeded faults; afterwards the invariants, from outside and in the databases.
// make chaos-mutants: the same, once for each planted bug, to see whether the invariants find it.
var reports = Path.Combine(ShopCluster.Root, ".local", "reports");
var servers = new Servers(Environment.GetEnvironmentVariable("SERVERS") ?? "chaos", new Dictionary<string, string>());
if (args is ["mutants", var build])
{
    return await MutantTest.RunAsync(build, servers, reports);
}

var settings = RunSettings.FromEnvironment();
try
{
    var report = await ChaosRun.RunAsync(settings, servers, Path.Combine(reports, "chaos-logs"), Console.Out);
    report.Print(Console.Out);
    report.Write(reports);
    Console.WriteLine("Report: .local/reports/chaos.html");
    return report.Passed ? 0 : 1;
}
catch (Exception e)
{
    Console.WriteLine($"BROKE OFF, so that nothing is shown: {e}");
    Console.WriteLine($"Again: {settings.Again}");
    return 2;
}
