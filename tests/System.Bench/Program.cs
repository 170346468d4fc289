using System.Globalization;
using Shop.Output;
using Shop.SystemBench;
using Shop.SystemBench.ByHand;
using Spectre.Console;

// How fast the whole system is, on this machine with everything on it, beside the same durable work done by hand.
// BENCH_TELEMETRY=ROUNDS: what telemetry costs instead. BENCH_LOADS=5,15,30: the times of an order under these loads, in orders a second, instead.
// BENCH_CROWD=4: what nine tenants with so many orders a second notice of a tenth, and of a product, with ten times as many as all of them.
var scale = double.Parse(Environment.GetEnvironmentVariable("BENCH_SCALE") ?? "1", CultureInfo.InvariantCulture);
var console = Terminal.Open();
var report = new BenchReport(console);
if (Environment.GetEnvironmentVariable("BENCH_TELEMETRY") is { Length: > 0 } rounds)
{
    report.Add(await console.Status().StartAsync(
        "starting …", status => SystemUnderLoad.CompareTelemetryAsync(int.Parse(rounds, CultureInfo.InvariantCulture), scale, phase => status.Status = phase)));
    report.Write(ReportPath());
    return;
}

if (Environment.GetEnvironmentVariable("BENCH_LOADS") is { Length: > 0 } loads)
{
    double[] rates = [.. loads.Split(',').Select(l => double.Parse(l, CultureInfo.InvariantCulture))];
    var (measured, connections) = await console.Status().StartAsync("starting …", status => Loads.MeasureAsync(rates, scale, phase => status.Status = phase));
    report.Add(measured, connections);
    report.Write(ReportPath());
    return;
}

if (Environment.GetEnvironmentVariable("BENCH_CROWD") is { Length: > 0 } crowd)
{
    report.Add(await console.Status().StartAsync(
        "starting …", status => Crowd.MeasureAsync(double.Parse(crowd, CultureInfo.InvariantCulture), scale, phase => status.Status = phase)));
    report.Write(ReportPath());
    return;
}

var bound = await console.Status().StartAsync("the durable work by hand, a message for each step …", _ => WorkByHand.MeasureAsync(OrderPath.Before, scale));
report.Add("system-bound", bound);
var now = await console.Status().StartAsync("the durable work by hand, as the services do it …", _ => WorkByHand.MeasureAsync(OrderPath.Now, scale));
report.Add("system-bound-now", now);
foreach (var replicas in (Environment.GetEnvironmentVariable("BENCH_REPLICAS") ?? "1,2").Split(','))
{
    var number = int.Parse(replicas, CultureInfo.InvariantCulture);
    var figures = await console.Status().StartAsync("starting …", status => SystemUnderLoad.MeasureAsync(number, scale, phase => status.Status = phase));
    report.Add(figures, bound, now);
}

report.Write(ReportPath());

static string ReportPath() => Environment.GetEnvironmentVariable("BENCH_REPORT") ?? Path.Combine(".local", "reports", "system-bench.json");
