using System.Diagnostics;
using Shop.Cluster;

namespace Shop.Chaos.Faults;

/// <summary>The private PostgreSQL and RabbitMQ of this run, started, stopped and killed by the same script that <c>make test</c> uses.</summary>
public sealed class Servers(string name, IReadOnlyDictionary<string, string> environment)
{
    public const string Postgres = "postgres";
    public const string RabbitMq = "rabbitmq";

    /// <summary>The nodes of the broker of a cluster.</summary>
    public static IReadOnlyList<string> Nodes { get; } = ["rabbitmq-1", "rabbitmq-2", "rabbitmq-3"];

    public Task StartAsync(string server) => RunAsync("start", server);

    /// <summary>Asks the server to end and waits until it has.</summary>
    public Task StopAsync(string server) => RunAsync("stop", server);

    /// <summary>PostgreSQL: immediate shutdown, recovery at the next start. RabbitMQ: kill -9.</summary>
    public Task KillAsync(string server) => RunAsync("kill", server);

    /// <summary>Takes a node of the broker away from the others, in both directions, until it is healed.</summary>
    public Task CutAsync(string node) => RunAsync("cut", node);

    /// <summary>Waits until the node takes connections again.</summary>
    public Task HealAsync(string node) => RunAsync("heal", node);

    /// <summary>Makes a node the leader of every queue.</summary>
    public Task LeadAsync(string node) => RunAsync("lead", node);

    /// <summary>Restarts the nodes of the broker one after the other, each when every queue can do without it.</summary>
    public Task RollNodesAsync() => RunAsync("roll", RabbitMq);

    /// <summary>Dumps everything in PostgreSQL, and restores it into a fresh cluster at the same address.</summary>
    public Task MovePostgresAsync() => RunAsync("move", Postgres);

    /// <summary>Makes a standby of PostgreSQL that hears nothing of what is committed from then on.</summary>
    public Task CopyPostgresAsync() => RunAsync("copy", Postgres);

    /// <summary>PostgreSQL crashes, and the copy takes over, at the same address.</summary>
    public Task PromoteCopyAsync() => RunAsync("promote", Postgres);

    /// <param name="limit">For example <c>2GB</c>.</param>
    public Task LimitBrokerMemoryAsync(string limit) => RunAsync("memory", limit);

    private async Task RunAsync(string action, string argument)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(ShopCluster.Root, "deploy/local/servers.sh"), name, action, argument])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"servers.sh {name} {action} {argument} failed: {await output}{await error}");
        }
    }
}
