using System.Globalization;
using Shop.SystemBench;
using Shop.SystemBench.ByHand;

// How fast the whole system is, on this machine with everything on it, beside the same durable work done by hand.
var scale = double.Parse(Environment.GetEnvironmentVariable("BENCH_SCALE") ?? "1", CultureInfo.InvariantCulture);
var report = new BenchReport(Console.Out);
var bound = await WorkByHand.MeasureAsync(scale);
report.Add(bound);
foreach (var replicas in (Environment.GetEnvironmentVariable("BENCH_REPLICAS") ?? "1,2").Split(','))
{
    report.Add(await SystemUnderLoad.MeasureAsync(int.Parse(replicas, CultureInfo.InvariantCulture), scale), bound);
}

report.Write(Environment.GetEnvironmentVariable("BENCH_REPORT") ?? Path.Combine(".local", "reports", "system-bench.json"));
