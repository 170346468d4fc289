using System.Diagnostics;
using System.Globalization;
using Chassis.Testing;
using Shop.Chaos;
using Shop.Chaos.Faults;
using Shop.Chaos.Invariants;
using Shop.Chaos.Load;
using Shop.Chaos.Report;
using Shop.Cluster;

// make chaos: real services, real servers, seeded faults; afterwards the invariants, from outside and in the databases.
var orders = Setting("ORDERS", 1000);
var faultCount = Setting("FAULTS", 18);
var seed = Setting("SEED", Random.Shared.Next(1, 1_000_000));
var replicas = Setting("REPLICAS", 2);
var name = Environment.GetEnvironmentVariable("SERVERS") ?? "chaos";
var reports = Path.Combine(ShopCluster.Root, ".local", "reports");
var logs = Path.Combine(reports, "chaos-logs");
if (Directory.Exists(logs))
{
    Directory.Delete(logs, recursive: true);
}

Directory.CreateDirectory(logs);
Console.WriteLine($"Chaos: {orders} orders, {faultCount} faults, {replicas} replicas of each service, seed {seed}");

await using var stage = await Stage.SetAsync(new Servers(name, new Dictionary<string, string>()), replicas, seed, logs);
using var market = await Market.OpenAsync(stage.Cluster, seed, orders, patience: TimeSpan.FromSeconds(90));
var schedule = new Arsenal(stage, new Random(seed)).Draw(faultCount);
Console.WriteLine($"{stage.Cluster.All.Count()} processes are ready. Each fault meets a wave of {orders / faultCount} orders.");
Console.WriteLine();
Console.WriteLine($"{"at",7}  {"fault",-48} {"target",-34} {"for",7} {"in flight",10} {"recovered",10}");

var clock = Stopwatch.StartNew();
var records = new List<FaultRecord>();
var remaining = orders;
for (var i = 0; i < schedule.Count; i++)
{
    var wave = remaining / (schedule.Count - i);
    remaining -= wave;
    records.Add(await StrikeAsync(schedule[i], wave));
}

Console.WriteLine();
Console.WriteLine("Everything is healed. Waiting for quiet …");
var quiet = await Calm.WaitAsync(stage, TimeSpan.FromSeconds(120));
var verdicts = new List<Verdict> { quiet };
verdicts.AddRange(await Oracle.JudgeAsync(stage, market, records));
var report = new RunReport(seed, orders, clock.Elapsed, records, verdicts, await Oracle.OutcomesAsync(stage));
report.Print(Console.Out);
report.Write(reports);
Console.WriteLine($"Report: .local/reports/chaos.html");
return report.Passed ? 0 : 1;

// Half of the wave is under way when the fault strikes, the other half is placed while it lasts.
async Task<FaultRecord> StrikeAsync(Fault fault, int wave)
{
    var load = market.WaveAsync(wave);
    await Poll.Until(async () => load.IsCompleted || await InFlightAsync() >= Math.Min(20, wave / 2), "orders to be under way", TimeSpan.FromSeconds(60));
    var inFlight = await InFlightAsync();
    var started = clock.Elapsed;
    await fault.Inject();
    await Task.Delay(fault.Duration);
    await fault.Heal();
    var healed = clock.Elapsed;
    await load;
    TimeSpan? recovery = null;
    try
    {
        await Poll.Until(async () => await InFlightAsync() == 0, "the orders of this wave to end", TimeSpan.FromSeconds(60));
        recovery = clock.Elapsed - healed;
    }
    catch (TimeoutException)
    {
        // Not a verdict yet: the wait for quiet decides.
    }

    var record = new FaultRecord(fault.Kind, fault.Target, started, healed - started, inFlight, recovery);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{started.TotalSeconds,6:0.0}s  {Short(fault.Kind, 48),-48} {Short(fault.Target, 34),-34} {record.Duration.TotalSeconds,6:0.0}s {inFlight,10} {(recovery is { } r ? $"{r.TotalSeconds:0.0}s" : "not yet"),10}"));
    return record;
}

async Task<long> InFlightAsync()
{
    try
    {
        return await stage.OrdersInFlightAsync();
    }
    catch (Npgsql.NpgsqlException)
    {
        return -1;   // the database is what is being hurt
    }
}

static string Short(string text, int length) => text.Length <= length ? text : text[..(length - 1)] + "…";

static int Setting(string name, int otherwise) =>
    int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
