using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Chassis.Testing;
using Messaging.Bench;
using RabbitMQ.Client;
using Shop.Output;
using Spectre.Console;

// What messaging costs, beside itself without MassTransit's pipeline, a hand-written lower bound, MassTransit without outbox and Wolverine with its own, in one
// run: medians of interleaved rounds.
var scale = double.Parse(Environment.GetEnvironmentVariable("BENCH_SCALE") ?? "1", CultureInfo.InvariantCulture);
var rounds = int.Parse(Environment.GetEnvironmentVariable("BENCH_ROUNDS") ?? "3", CultureInfo.InvariantCulture);
var only = Environment.GetEnvironmentVariable("BENCH_ONLY") ?? string.Empty;
var (transactions, messages, sagas) = (0, 0, 0);
var variants = new (string Suffix, Func<IVariant> Create)[]
{
    ("", () => new Ours()), ("-own", () => new OwnPipeline()), ("-direct", () => new Direct()), ("-bound", () => new HandWritten()),
    ("-wolverine", () => new OnWolverine(confirms: false)), ("-wolverine-confirms", () => new OnWolverine(confirms: true)),
};
var measures = new Measure[]
{
    new("B1", "transactions/s", TransactionsAsync),
    new("B2", "messages/s", MessagesAsync),
    new("B3", "sagas/s", SagasAsync),
    new("B3-p50", "ms", LatencyAsync, LowerIsBetter: true),
    new("B1-flat", "transactions/s", TransactionsAsync, Beside: "B1"),
    new("B2-flat", "messages/s", MessagesAsync, Beside: "B2"),
};

// Nothing that moves: what is measured has the processors for itself.
var console = Terminal.Open();
var figures = new Dictionary<string, List<double>>();

// Round 0 warms up: until the just-in-time compiler is through, whoever comes first pays for everybody.
for (var round = 0; round <= rounds; round++)
{
    var size = round == 0 ? scale / 4 : scale;
    (transactions, messages, sagas) = ((int)(20_000 * size), (int)(8_000 * size), (int)(600 * size));
    foreach (var (name, unit, run, _, beside) in measures.Where(m => only.Length == 0 || only.Split(',').Contains(m.Name)))
    {
        foreach (var (suffix, create) in variants.Where(v => beside is null || v.Suffix.Length == 0))
        {
            await using var stage = await Stage.OpenAsync();
            await using var variant = create();
            await variant.PrepareAsync(stage);
            if (beside is not null)
            {
                await stage.FillTablesAsync((int)(1_000_000 * size));
            }

            var before = Environment.CpuUsage.TotalTime;
            var value = await run(stage, variant);
            var cpu = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
            if (round == 0)
            {
                continue;
            }

            (figures.TryGetValue(name + suffix, out var list) ? list : figures[name + suffix] = []).Add(value);
            console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"round {round}  {name + suffix,-25} {value,10:0.0} {unit,-16} {cpu,8:0} ms of CPU in this process"));
        }
    }
}

Report();
return 0;

async Task<double> TransactionsAsync(Stage stage, IVariant variant)
{
    await variant.StartAsync();
    await RunAsync(200, variant.TransactAsync);
    await stage.WaitAsync(200);
    var started = Stopwatch.GetTimestamp();
    await RunAsync(transactions, variant.TransactAsync);
    await stage.WaitAsync(200 + transactions);
    return transactions / Stopwatch.GetElapsedTime(started).TotalSeconds;
}

async Task<double> MessagesAsync(Stage stage, IVariant variant)
{
    await variant.StartAsync();
    await FillAsync(stage, variant, Names.Work, 200, id => new Work(id, 1));
    await stage.WaitAsync(200);
    var started = Stopwatch.GetTimestamp();
    await FillAsync(stage, variant, Names.Work, messages, id => new Work(id, 1));
    await stage.WaitAsync(200 + messages);
    return messages / Stopwatch.GetElapsedTime(started).TotalSeconds;
}

async Task<double> SagasAsync(Stage stage, IVariant variant)
{
    await variant.StartAsync();
    await FillAsync(stage, variant, Names.Trips, 30, id => new StartTrip(id));
    await stage.WaitAsync(30);
    var started = Stopwatch.GetTimestamp();
    await FillAsync(stage, variant, Names.Trips, sagas, id => new StartTrip(id));
    await stage.WaitAsync(30 + sagas);
    return sagas / Stopwatch.GetElapsedTime(started).TotalSeconds;
}

// Eight sagas a second, one after the other: the time from the first message to the end of the saga.
async Task<double> LatencyAsync(Stage stage, IVariant variant)
{
    await variant.StartAsync();
    await FillAsync(stage, variant, Names.Trips, 30, id => new StartTrip(id));
    await stage.WaitAsync(30);
    await using var channel = await stage.OpenChannelAsync(confirms: true);
    var starts = new List<(Guid Id, long At)>();
    var count = Math.Max(40, (int)(160 * scale));
    for (var i = 0; i < count; i++)
    {
        var id = Guid.CreateVersion7();
        starts.Add((id, Stopwatch.GetTimestamp()));
        await SendAsync(channel, variant, Names.Trips, id, new StartTrip(id));
        await Task.Delay(125);
    }

    await stage.WaitAsync(30 + count);
    double[] times = [.. starts.Select(s => Stopwatch.GetElapsedTime(s.At, stage.Arrival(s.Id)!.Value).TotalMilliseconds).Order()];
    return times[times.Length / 2];
}

async Task RunAsync(int count, Func<int, Task> work)
{
    var next = 0;
    await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
    {
        while (Interlocked.Increment(ref next) is var number && number <= count)
        {
            await work(number);
        }
    })));
}

async Task FillAsync<T>(Stage stage, IVariant variant, string queue, int count, Func<Guid, T> make)
    where T : class
{
    // With confirms: what a channel has not handed to a quorum queue yet is lost when the channel is closed.
    await using var channel = await stage.OpenChannelAsync(confirms: true);
    foreach (var some in Enumerable.Range(0, count).Chunk(500))
    {
        await Task.WhenAll(some.Select(_ =>
        {
            var id = Guid.CreateVersion7();
            return SendAsync(channel, variant, queue, id, make(id));
        }));
    }
}

static async Task SendAsync<T>(IChannel channel, IVariant variant, string queue, Guid id, T message)
    where T : class
{
    var (contentType, body) = variant.Message(id, message);
    // The type is for Wolverine, which finds it nowhere else.
    var properties = new BasicProperties
    {
        ContentType = contentType, MessageId = id.ToString(), Type = typeof(T).FullName, UserId = TestVhost.Account, Persistent = true,
    };
    await channel.BasicPublishAsync(queue, string.Empty, mandatory: false, properties, body);
}

void Report()
{
    var limits = new Dictionary<string, (double Bound, double Direct)> { ["B1"] = (0.65, 1.0), ["B2"] = (0.65, 0.9), ["B3"] = (0.65, 1.0) };
    const double ofConfirms = 2;
    var rows = new List<Dictionary<string, object>>();
    var table = new Table().Border(TableBorder.Simple).AddColumn("");
    foreach (var column in new[]
    {
        "ours", "own pipeline", "direct", "bound", "Wolverine", "with confirms", "of own pipeline", "of bound", "of direct", "of Wolverine with confirms",
    })
    {
        table.AddColumn(new TableColumn(column).RightAligned());
    }

    table.AddColumn("asked");
    foreach (var (name, unit, _, lower, _) in measures.Where(m => m.Beside is null && figures.ContainsKey(m.Name)))
    {
        var (ours, own) = (Median(name), Median(name + "-own"));
        var (direct, bound) = (Median(name + "-direct"), Median(name + "-bound"));
        var (wolverine, confirms) = (Median(name + "-wolverine"), Median(name + "-wolverine-confirms"));
        var asked = limits.TryGetValue(name, out var limit)
            ? string.Create(
                CultureInfo.InvariantCulture, $">= {limit.Bound:0.00} of bound, >= {limit.Direct:0.0} of direct, >= {ofConfirms:0} x Wolverine with confirms")
            : "<= 30 ms";
        table.AddRow(
            name,
            One(ours),
            One(own),
            One(direct),
            One(bound),
            One(wolverine),
            One(confirms),
            Two(ours / own),
            Two(ours / bound),
            Two(ours / direct),
            Two(ours / confirms),
            $"{asked} ({unit})");
        rows.Add(Row(name, ours, unit, lower ? 30 : limit.Bound, lower ? null : ours / bound));
        rows.Add(Row(name + "-own", own, unit, null, lower ? null : ours / own));
        rows.Add(Row(name + "-direct", direct, unit, lower ? null : limit.Direct, lower ? null : ours / direct));
        rows.Add(Row(name + "-bound", bound, unit, null, null));
        rows.Add(Row(name + "-wolverine", wolverine, unit, null, lower ? null : ours / wolverine));
        rows.Add(Row(name + "-wolverine-confirms", confirms, unit, lower ? null : ofConfirms, lower ? null : ours / confirms));
    }

    foreach (var (name, unit, _, _, beside) in measures.Where(m => m.Beside is not null && figures.ContainsKey(m.Name) && figures.ContainsKey(m.Beside)))
    {
        var (full, empty) = (Median(name), Median(beside!));
        table.AddRow(name, One(full), "", "", "", "", "", "", "", "", "", $">= 0.80 of {beside} on empty tables, is {Two(full / empty)} ({unit})");
        rows.Add(Row(name, full, unit, 0.8, full / empty));
    }

    console.Write(table);
    var path = Environment.GetEnvironmentVariable("BENCH_REPORT") ?? Path.Combine(".local", "reports", "bench.json");
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    File.WriteAllText(path, JsonSerializer.Serialize(rows, Indented.Options));
}

static string One(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

static string Two(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

double Median(string name)
{
    double[] values = [.. figures[name].Order()];
    return values[values.Length / 2];
}

static Dictionary<string, object> Row(string name, double value, string unit, double? limit, double? ratio)
{
    var row = new Dictionary<string, object> { ["name"] = name, ["value"] = Math.Round(value, 1), ["unit"] = unit };
    if (limit is { } l)
    {
        row["limit"] = l;
    }

    if (ratio is { } r)
    {
        row["ratio"] = Math.Round(r, 3);
    }

    return row;
}

/// <param name="Name">In the report.</param>
/// <param name="Unit">Of the value.</param>
/// <param name="Run">Measures a variant that is prepared.</param>
/// <param name="LowerIsBetter">For times.</param>
/// <param name="Beside">Our variant alone, with a million rows in outbox and inbox, beside this measure on empty tables.</param>
internal sealed record Measure(string Name, string Unit, Func<Stage, IVariant, Task<double>> Run, bool LowerIsBetter = false, string? Beside = null);

internal static class Indented
{
    public static readonly JsonSerializerOptions Options = new() { WriteIndented = true };
}
