namespace Shop.Capacity;

/// <summary>What a rate of orders takes, by the measured demands.</summary>
/// <param name="OrdersPerSecond">That arrive.</param>
/// <param name="Processors">By process, at <see cref="Sizing.Busy"/>; parts of one are rounded up.</param>
/// <param name="Commits">A second, in all databases.</param>
/// <param name="LogMegabytes">Written ahead in a second, in all databases.</param>
/// <param name="Messages">That the broker confirms in a second.</param>
/// <param name="GigabytesPerDay">By which the databases grow.</param>
/// <param name="Connections">To PostgreSQL, by replicas of two processors.</param>
public sealed record Needs(
    double OrdersPerSecond, IReadOnlyDictionary<string, int> Processors, double Commits, double LogMegabytes, double Messages, double GigabytesPerDay,
    long Connections);

/// <summary>Where a part of the system bends.</summary>
/// <param name="Part">What it is.</param>
/// <param name="Limit">What one of it gives, and where that figure is from.</param>
/// <param name="OrdersPerSecond">At which that is used up.</param>
public sealed record Bend(string Part, string Limit, double OrdersPerSecond);

/// <summary>From what an order costs to what many cost.</summary>
public static class Sizing
{
    /// <summary>Share of a processor up to which it is planned: beyond, waiting grows faster than work.</summary>
    public const double Busy = 0.6;

    private const int ProcessorsOfReplica = 2;
    private const double SecondsPerDay = 86_400;

    /// <summary>They are there to measure, or are somebody else's.</summary>
    private static readonly string[] NotOurs = ["load-generator", "anything-else", "payment-sandbox"];

    public static Needs Of(double ordersPerSecond, Measured measured, IReadOnlyDictionary<string, Demand> demands)
    {
        var processors = demands.Where(d => !NotOurs.Contains(d.Key))
            .ToDictionary(d => d.Key, d => Math.Max(1, (int)Math.Ceiling(((ordersPerSecond * d.Value.PerOrder / 1000) + d.Value.Idle) / Busy)));
        var most = measured.Loads[^1];
        var replicas = processors.Where(p => p.Key is not ("postgresql" or "rabbitmq")).Sum(p => Math.Max(2, (p.Value + 1) / ProcessorsOfReplica));
        return new Needs(
            ordersPerSecond, processors, ordersPerSecond * most.Commits, ordersPerSecond * most.Log / 1e6, ordersPerSecond * most.Published,
            ordersPerSecond * most.Database * SecondsPerDay / 1e9, replicas * measured.Connections / Services);
    }

    /// <summary>The part that bends first comes first.</summary>
    public static IReadOnlyList<Bend> Bends(Measured measured, IReadOnlyDictionary<string, Demand> demands)
    {
        var most = measured.Loads[^1];
        return [.. new Bend[]
        {
            new("this machine", "2 processors, everything on them", 2 * Busy * 1000 / demands.Sum(d => d.Value.PerOrder)),
            new("one account at the payment provider", "100 writing requests/s, which is what Stripe gives unasked; an order makes two", 50),
            new("one PostgreSQL for all services", "32 processors", 32 * Busy * 1000 / demands["postgresql"].PerOrder),
            new("its log", "200 MB/s, a good disk of a cloud", 200e6 / most.Log),
            new("one queue", "7,000 messages/s, with confirms, as measured by hand on this machine (guarantees.md); the busiest queue has two for an order", 3_500),
            new("one broker of three nodes", "8 processors each, and every message is written three times", 8 * Busy * 1000 / demands["rabbitmq"].PerOrder),
            new("one disk", "16 TB, a year of it without archive", 16e12 / (most.Database * SecondsPerDay * 365)),
        }.OrderBy(b => b.OrdersPerSecond)];
    }

    /// <summary>The same work on processors of its own for each process.</summary>
    public static Machines Apart(Needs needs) => new(
        needs.Processors.Append(KeyValuePair.Create("others", 64)).ToDictionary(p => p.Key, p => p.Value),
        process => needs.Processors.ContainsKey(process) ? process : "others");

    private const int Services = 4;
}
