using System.Globalization;
using Shop.Chaos.Faults;
using Shop.Chaos.Load;
using Shop.Chaos.Mutants;

namespace Shop.Chaos;

/// <summary>What one run is: how much, how long, what goes wrong, and whose binaries.</summary>
public sealed record RunSettings
{
    public int Orders { get; init; } = 1000;

    public int Faults { get; init; } = 18;

    /// <summary>Whether there is time for faults that take a minute each.</summary>
    public bool IsLong => Faults >= 40;

    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>Processes of each service.</summary>
    public int Replicas { get; init; } = 2;

    /// <summary>Whether the broker is a cluster of three nodes, and what can happen to one of them does.</summary>
    public bool Cluster { get; init; }

    /// <summary>The only kinds of fault to draw from; all when empty.</summary>
    public IReadOnlyList<string> FaultKinds { get; init; } = [];

    /// <summary>The only kinds of order to place; all when empty.</summary>
    public IReadOnlyList<OrderKind> OrderKinds { get; init; } = [];

    /// <summary>Requests of the fuzzer.</summary>
    public int Requests { get; init; }

    /// <summary>Messages of the fuzzer.</summary>
    public int Messages { get; init; }

    /// <summary>Whether the operators' console is there, with somebody who goes over its pages.</summary>
    public bool Console { get; init; }

    /// <summary>Whoever is to kill the console has one as well.</summary>
    public bool HasConsole => Console || FaultKinds.Contains(Arsenal.KillConsole);

    /// <summary>Within this the system comes to rest after the last fault.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long the next fault waits for the orders of the last one to end.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether the services serve their metrics.</summary>
    public bool IsScraped { get; init; }

    /// <summary>Root of the tree whose binaries are run; null for the repository itself.</summary>
    public string? Build { get; init; }

    /// <summary>Root of the tree of the version that is upgraded from, while orders come; null when nothing is upgraded.</summary>
    public string? UpgradeFrom { get; init; }

    /// <summary>Environment of every service beside what a cluster needs.</summary>
    public IReadOnlyDictionary<string, string> ServiceSettings { get; init; } = new Dictionary<string, string>();

    /// <summary>The command that repeats the run.</summary>
    public string Again => ServiceSettings.TryGetValue(Mutant.Switch, out var planted)
        ? $"make chaos-mutants MUTANTS={planted}"
        : Requests + Messages > 0 ? string.Create(
            CultureInfo.InvariantCulture, $"make fuzz SEED={Seed} REQUESTS={Requests} MESSAGES={Messages} ORDERS={Orders} FAULTS={Faults}")
        : string.Create(CultureInfo.InvariantCulture, $"make chaos SEED={Seed} ORDERS={Orders} FAULTS={Faults}")
        + (Replicas == 2 ? "" : string.Create(CultureInfo.InvariantCulture, $" REPLICAS={Replicas}"))
        + (Console ? " CONSOLE=1" : "")
        + (Cluster ? " CLUSTER=1" : "")
        + (UpgradeFrom is null ? "" : $" UPGRADE_FROM={Path.GetFileName(UpgradeFrom)}")
        + (FaultKinds.Count == 0 ? "" : $" FAULT_KINDS={string.Join(',', FaultKinds)}")
        + (OrderKinds.Count == 0 ? "" : $" ORDER_KINDS={string.Join(',', OrderKinds)}");

    /// <summary>
    /// <c>ORDERS</c>, <c>FAULTS</c>, <c>SEED</c>, <c>REPLICAS</c>, <c>REQUESTS</c>, <c>MESSAGES</c>, <c>CONSOLE</c>, <c>CLUSTER</c>,
    /// <c>FAULT_KINDS</c> and <c>ORDER_KINDS</c>, the last two with commas.
    /// </summary>
    public static RunSettings FromEnvironment()
    {
        var settings = new RunSettings();
        return settings with
        {
            Orders = Number("ORDERS", settings.Orders),
            Faults = Number("FAULTS", settings.Faults),
            Seed = Number("SEED", settings.Seed),
            Replicas = Number("REPLICAS", settings.Replicas),
            Requests = Number("REQUESTS", settings.Requests),
            Messages = Number("MESSAGES", settings.Messages),
            Console = Number("CONSOLE", 0) > 0,
            Cluster = Number("CLUSTER", 0) > 0,
            UpgradeFrom = Environment.GetEnvironmentVariable("UPGRADE_TREE") is { Length: > 0 } tree ? tree : null,
            FaultKinds = List("FAULT_KINDS"),
            OrderKinds = [.. List("ORDER_KINDS").Select(Enum.Parse<OrderKind>)],
        };
    }

    /// <summary>Words divided by commas.</summary>
    public static string[] Words(string? text) => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string[] List(string name) => Words(Environment.GetEnvironmentVariable(name));

    /// <summary>The number in a variable of the environment.</summary>
    public static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
