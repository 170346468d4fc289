using Chassis.Testing;

namespace Shop.Cluster;

/// <summary>What a cluster is made of.</summary>
public sealed record ClusterOptions
{
    /// <summary>Processes of each of the four services.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>
    /// Whether callers go through the gateway (<see cref="ShopCluster.AddressOf"/>), as with <c>make up CLUSTER=1</c>. It knows the replicas of the start only.
    /// </summary>
    public bool Gateway { get; init; }

    /// <summary>Whether the operators' console is there too, of which nobody else takes notice.</summary>
    public bool Console { get; init; }

    /// <summary>
    /// Whether everything between the processes and their servers is encrypted, as with TLS=true; needs <see cref="TestServers.Certificates"/>.
    /// </summary>
    public bool Tls { get; init; }

    /// <summary>Whether a process that ends by itself is started again, as a container engine does.</summary>
    public bool Supervise { get; init; }

    /// <summary>Settings for every service, as environment variables: <c>Section__Key</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>Settings for one service, by its name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> SettingsOf { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>>();

    /// <summary>Environment of one process, by service and number.</summary>
    public Func<string, int, IReadOnlyDictionary<string, string>>? SettingsOfReplica { get; init; }

    /// <summary>
    /// Whether what no queue takes is kept in <c>shop.unrouted</c>, as in an installation, from before the first process starts: what it tells at once may come
    /// before its listeners.
    /// </summary>
    public bool KeepsUnrouted { get; init; }

    /// <summary>Where mails go, as <c>host:port</c>; null takes the mail catcher of the tests.</summary>
    public string? Smtp { get; init; }

    /// <summary>A way in between for one service and one node of the broker, such as a proxy that can be cut; null connects directly.</summary>
    public Func<string, Uri, Uri>? BrokerOf { get; init; }

    /// <summary>The same for the database; takes and gives <c>(host, port)</c>.</summary>
    public Func<string, (string Host, int Port), (string Host, int Port)>? DatabaseOf { get; init; }

    /// <summary>Puts what an earlier run has left into a service's fresh database, before anything starts.</summary>
    public Func<string, TestDatabase, Task>? Restore { get; init; }

    /// <summary>The journal that the payment sandbox goes on with; null begins a new one.</summary>
    public byte[]? SandboxJournal { get; init; }

    /// <summary>Root of the tree whose binaries are run, built in this program's configuration; null for the repository itself.</summary>
    public string? Build { get; init; }

    /// <summary>Where each process's output goes; null keeps only the last lines in memory.</summary>
    public string? LogDirectory { get; init; }
}
