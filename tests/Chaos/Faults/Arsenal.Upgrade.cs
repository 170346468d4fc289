using Shop.Cluster;

namespace Shop.Chaos.Faults;

/// <summary>A rolling upgrade, its roll-back, and the upgrade again: two versions side by side on one database and one broker, while orders come.</summary>
public sealed partial class Arsenal
{
    /// <param name="earlier">Root of the tree that is upgraded from.</param>
    /// <param name="later">Root of the tree that is upgraded to; null for the repository itself.</param>
    public IReadOnlyList<Fault> Upgrade(string earlier, string? later) =>
    [
        // The first replica of the later version brings the database up to date, under the feet of the others.
        Becomes("one of each service upgraded", later, services => services.Select(s => stage.Cluster.Of(s)[^1])),
        KillOne(Any()),
        Becomes("rolled back", earlier, services => services.Reverse().Select(s => stage.Cluster.Of(s)[^1])),
        Becomes("all upgraded, one by one", later, services => services.Reverse().SelectMany(s => stage.Cluster.Of(s))),
        KillOne(Any()),
        Becomes("all rolled back, one by one", earlier, services => services.SelectMany(s => stage.Cluster.Of(s))),
        Becomes("all upgraded again", later, services => services.SelectMany(s => stage.Cluster.Of(s))),
    ];

    private Fault Becomes(string kind, string? build, Func<string[], IEnumerable<Replica>> whom) => new(kind, "services", TimeSpan.Zero, async () =>
    {
        foreach (var replica in whom(ServiceNames))
        {
            await ShopCluster.BecomeAsync(replica, build);
        }
    }, Nothing);
}
