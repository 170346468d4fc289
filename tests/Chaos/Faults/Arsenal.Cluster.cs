using Shop.Cluster;

namespace Shop.Chaos.Faults;

/// <summary>What happens to one of several: a node of the broker, a replica of a service. Everybody else is to go on.</summary>
public sealed partial class Arsenal
{
    /// <summary>Kills a node of the broker and one replica of each service, which are back when every order is done without them.</summary>
    public const string KillOneOfEach = "kill -9 of a node and a replica of each, lost";

    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private static readonly string[] OfNodes = ["kill-node", "stop-node", "partition-leaders", "partition-followers", "roll-nodes", "kill-one-of-each"];

    private IReadOnlyList<(string Name, Func<Fault> Draw)> OnNodes => stage.BrokerNodes.Count == 0 ? [] :
    [
        ("kill-node", KillNode), ("stop-node", StopNode), ("partition-leaders", PartitionLeaders), ("partition-followers", PartitionFollowers),
        ("roll-nodes", RollNodes), ("replace-replica", ReplaceReplica),
        ("kill-one-of-each", LoseAMachine),
    ];

    private Fault KillNode() => OfNode("kill -9 of a node", Seconds(5, 10), stage.Servers.KillAsync, stage.Servers.StartAsync);

    private Fault StopNode() => OfNode("a node stopped for a while", stage.IsLong ? Minute : Seconds(10, 15), stage.Servers.StopAsync, stage.Servers.StartAsync);

    /// <summary>The two that remain have to elect leaders first.</summary>
    private Fault PartitionLeaders() => OfNode("one node cut from two, with the leaders", Seconds(10, 20), async node =>
    {
        await stage.Servers.LeadAsync(node);
        await stage.Servers.CutAsync(node);
    }, stage.Servers.HealAsync);

    /// <summary>Whoever is connected to the one has to go to the others.</summary>
    private Fault PartitionFollowers() => OfNode("one node cut from two, without the leaders", Seconds(10, 20), async node =>
    {
        await stage.Servers.LeadAsync(stage.BrokerNodes.First(n => n != node));
        await stage.Servers.CutAsync(node);
    }, stage.Servers.HealAsync);

    private Fault RollNodes() => new("rolling restart of the broker", "all nodes", TimeSpan.Zero, stage.Servers.RollNodesAsync, Nothing, Recovery);

    /// <summary>The first replica of the users service has the address that stands in every token.</summary>
    private Fault ReplaceReplica()
    {
        var services = ServiceNames.Where(s => stage.Cluster.Of(s).Count > 1).ToArray();
        var service = services.Length == 0 ? "orders" : services[random.Next(services.Length)];
        return new Fault("a replica replaced by another", service, TimeSpan.Zero, () => stage.Cluster.ReplaceAsync(service), Nothing, Recovery);
    }

    /// <summary>As when a machine is lost with all that ran on it. It stays away, and the others are to do without it.</summary>
    private Fault LoseAMachine()
    {
        var node = stage.BrokerNodes[random.Next(stage.BrokerNodes.Count)];
        Replica[] replicas = [.. ServiceNames.Select(stage.Cluster.Of).Where(of => of.Count > 1).Select(Lost)];
        return new Fault(
            KillOneOfEach, $"{node}, {string.Join(", ", replicas.Select(r => r.Name))}", TimeSpan.Zero,
            async () =>
            {
                Array.ForEach(replicas, r => r.Kill());
                await stage.Servers.KillAsync(node);
            },
            Nothing,
            Recovery,
            () => Task.WhenAll([stage.Servers.StartAsync(node), .. replicas.Select(Start)]));

        // The first replica of the users service has the address that stands in every token.
        Replica Lost(IReadOnlyList<Replica> of) => of[of[0].Service == "users" ? of.Count - 1 : random.Next(of.Count)];
    }

    private Fault OfNode(string kind, TimeSpan duration, Func<string, Task> inject, Func<string, Task> heal)
    {
        var node = stage.BrokerNodes[random.Next(stage.BrokerNodes.Count)];
        return new Fault(kind, node, duration, () => inject(node), () => heal(node), Recovery);
    }
}
