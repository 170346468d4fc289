using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Chassis.Testing;
using Npgsql;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <param name="Name">The process, or the group of processes that belong together.</param>
/// <param name="CpuSeconds">Processor time in the window, user and system.</param>
/// <param name="Megabytes">Memory after it; pages that several processes share count once (PSS).</param>
internal sealed record ProcessUse(string Name, double CpuSeconds, double Megabytes);

/// <summary>What each process of the run costs, read from /proc.</summary>
internal sealed class Machine
{
    /// <summary>What is not part of the run.</summary>
    public const string Others = "anything else";

    private const int TicksPerSecond = 100;   // USER_HZ: what /proc counts in, on every Linux that .NET runs on
    private readonly Dictionary<string, int> _roots;
    private readonly Dictionary<string, double> _before = [];
    private Dictionary<string, double> _used = [];
    private double _busyBefore;

    private Machine(Dictionary<string, int> roots) => this._roots = roots;

    public static int Processors => Environment.ProcessorCount;

    /// <param name="cluster">Whose replicas to watch; null for the servers and this process alone.</param>
    public static async Task<Machine> WatchAsync(ShopCluster? cluster)
    {
        var roots = new Dictionary<string, int>();
        foreach (var replica in cluster?.All ?? [])
        {
            roots[replica.Name] = replica.Pid;
        }

        roots["postgresql"] = await PostmasterAsync();
        roots["rabbitmq"] = await BrokerAsync();
        roots["load generator"] = Environment.ProcessId;
        return new Machine(roots);
    }

    public void Start()
    {
        _busyBefore = Busy();
        foreach (var (name, cpu) in Cpu())
        {
            _before[name] = cpu;
        }
    }

    public void Stop()
    {
        _used = Cpu().ToDictionary(p => p.Key, p => p.Value - _before[p.Key]);
        _used[Others] = Math.Max(0, Busy() - _busyBefore - _used.Values.Sum());
    }

    /// <summary>What was used between start and stop, and the memory now. Counting shared pages takes the kernel seconds: not a part of the window.</summary>
    public IReadOnlyList<ProcessUse> Uses() =>
        [.. _used.Select(p => new ProcessUse(p.Key, p.Value, _roots.TryGetValue(p.Key, out var root) ? Family(root).Sum(Megabytes) : 0))];

    private static async Task<int> PostmasterAsync()
    {
        await using var connection = new NpgsqlConnection(TestServers.Postgres);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
        return Stat((int)(await command.ExecuteScalarAsync())!)!.Value.Parent;
    }

    private static async Task<int> BrokerAsync()
    {
        var uri = TestServers.RabbitMqManagement;
        using var client = new HttpClient { BaseAddress = new UriBuilder(uri) { UserName = "", Password = "" }.Uri };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(uri.UserInfo))));

        // A broker that has just started has not looked at itself yet.
        return await Poll.UntilAsync(
            async () =>
            {
                var nodes = await client.GetFromJsonAsync<JsonElement>(new Uri("api/nodes", UriKind.Relative));
                return nodes[0].TryGetProperty("os_pid", out var pid) ? int.Parse(pid.GetString()!, CultureInfo.InvariantCulture) : 0;
            },
            pid => pid > 0,
            "the broker to tell its process id");
    }

    private Dictionary<string, double> Cpu() => _roots.ToDictionary(r => r.Key, r => Family(r.Value).Sum(pid => Stat(pid)?.CpuSeconds ?? 0));

    // A database server is a process per connection.
    private static IEnumerable<int> Family(int root) => Directory.EnumerateDirectories("/proc")
        .Select(d => int.TryParse(Path.GetFileName(d.AsSpan()), CultureInfo.InvariantCulture, out var pid) ? pid : 0)
        .Where(pid => pid == root || (pid > 0 && root != Environment.ProcessId && Stat(pid)?.Parent == root));

    /// <summary>Parent and processor time; children that have ended are in their parent's time.</summary>
    private static (int Parent, double CpuSeconds)? Stat(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (int.Parse(
                fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(f => double.Parse(f, CultureInfo.InvariantCulture)) / TicksPerSecond);
        }
        catch (IOException)
        {
            return null;   // ended in between
        }
    }

    private static double Megabytes(int pid)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/smaps_rollup").First(l => l.StartsWith("Pss:", StringComparison.Ordinal));
            return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static double Busy()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        var times = fields.Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        return (times[0] + times[1] + times[2] + times[5] + times[6]) / TicksPerSecond;   // user, nice, system, irq, softirq
    }
}
