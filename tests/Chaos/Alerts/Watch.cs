using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Chassis.Testing;
using Npgsql;
using Shop.Cluster;

namespace Shop.Chaos.Alerts;

/// <summary>
/// Prometheus with the rules of <c>deploy/observability</c>, at another speed, and PostgreSQL's exporter, beside a stage that serves its metrics.
/// </summary>
internal sealed class Watch : IAsyncDisposable
{
    private readonly List<Process> _processes = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("alerts-").FullName;
    private readonly HttpClient _client;

    private Watch(int port) => _client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };

    /// <param name="stage">What is watched.</param>
    /// <param name="speed">How many times faster than in earnest; everything is scraped every two seconds.</param>
    public static async Task<Watch> StartAsync(Stage stage, int speed)
    {
        var (port, exporter) = (Ports.Free(), Ports.Free());
        var watch = new Watch(port);
        var server = new NpgsqlConnectionStringBuilder(stage.Administration);
        watch.Start("prometheus-postgres-exporter", [$"--web.listen-address=127.0.0.1:{exporter}"], new()
        {
            ["DATA_SOURCE_URI"] = $"{server.Host}:{server.Port}/postgres?sslmode=disable",
            ["DATA_SOURCE_USER"] = server.Username!,
            ["DATA_SOURCE_PASS"] = server.Password!,
        });
        var configuration = await watch.ConfigureAsync(stage, exporter, speed);
        watch.Start("prometheus", [
            $"--config.file={configuration}", $"--storage.tsdb.path={watch._folder}/data", $"--web.listen-address=127.0.0.1:{port}"], []);
        await Poll.UntilAsync(watch.SeesEverythingAsync, "Prometheus to have scraped everything", TimeSpan.FromMinutes(2));
        return watch;
    }

    /// <summary>The alerts that fire: each as its name, and as its name, a slash and each value of its labels.</summary>
    public async Task<IReadOnlySet<string>> FiringAsync()
    {
        var alerts = await AskAsync("alerts");
        return alerts.GetProperty("alerts").EnumerateArray().Where(a => a.GetProperty("state").GetString() == "firing").Select(a => a.GetProperty("labels"))
            .SelectMany(labels => labels.EnumerateObject().Select(l => $"{labels.GetProperty("alertname")}/{l.Value}").Append($"{labels.GetProperty("alertname")}"))
            .ToHashSet();
    }

    /// <summary>Every alert that the rules have.</summary>
    public async Task<IReadOnlyList<string>> AlertsAsync() =>
        [.. (await AskAsync("rules?type=alert")).GetProperty("groups").EnumerateArray()
            .SelectMany(g => g.GetProperty("rules").EnumerateArray()).Select(r => r.GetProperty("name").GetString()!)];

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (var process in _processes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<string> ConfigureAsync(Stage stage, int exporter, int speed)
    {
        using var script = Process.Start(new ProcessStartInfo("sh", [Path.Combine(ShopCluster.Root, "deploy/observability/prometheus.sh"), Path.Combine(_folder, "config")])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["SERVICE_TARGETS"] = string.Join(' ', stage.Metrics.Select(m => $"{m.Service}={m.Address.Authority}")),
                ["RABBITMQ_TARGETS"] = TestServers.RabbitMqMetrics,
                ["POSTGRES_TARGET"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{exporter}"),
                ["ALERTMANAGER_TARGET"] = "127.0.0.1:9",      // nobody: what fires is asked of Prometheus
            },
        })!;
        var configuration = await script.StandardOutput.ReadToEndAsync();
        await script.WaitForExitAsync();
        foreach (var rules in Directory.GetFiles(Path.Combine(_folder, "config", "rules"), "*.yml"))
        {
            await File.WriteAllTextAsync(rules, RuleSpeed.Scale(await File.ReadAllTextAsync(rules), speed));
        }

        var settings = await File.ReadAllTextAsync(configuration);
        await File.WriteAllTextAsync(configuration, settings
            .Replace("interval: 15s", "interval: 2s", StringComparison.Ordinal).Replace("timeout: 10s", "timeout: 2s", StringComparison.Ordinal)
            .Replace("vhost: [\"/\"]", $"vhost: [\"{stage.Cluster.Vhost.Name}\"]", StringComparison.Ordinal));
        return configuration;
    }

    private void Start(string program, IReadOnlyList<string> arguments, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
    }

    private async Task<bool> SeesEverythingAsync()
    {
        try
        {
            var targets = (await AskAsync("targets?state=active")).GetProperty("activeTargets").EnumerateArray().ToList();
            return targets.Count > 0 && targets.TrueForAll(t => t.GetProperty("health").GetString() == "up");
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonElement> AskAsync(string what)
    {
        using var answer = await _client.GetAsync(new Uri($"/api/v1/{what}", UriKind.Relative));
        answer.EnsureSuccessStatusCode();
        await using var body = await answer.Content.ReadAsStreamAsync();
        return (await JsonDocument.ParseAsync(body)).RootElement.GetProperty("data");
    }
}
