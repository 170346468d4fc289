using System.ComponentModel.DataAnnotations;

namespace Orders;

/// <summary>How much one customer may have. Section <c>Orders</c>.</summary>
public sealed record OrdersOptions
{
    public const string Section = "Orders";

    /// <summary>Drafts that are neither placed nor cancelled, counted over all replicas.</summary>
    [Range(1, 100_000)]
    public int MaxDrafts { get; init; } = 100;

    /// <summary>
    /// Streams that one caller may have open, per process: enough for every window of a browser, and not for all the connections that there are.
    /// </summary>
    [Range(1, 10_000)]
    public int StreamsPerCaller { get; init; } = 20;

    /// <summary>Of these, streams of one order.</summary>
    [Range(1, 10_000)]
    public int StreamsPerOrder { get; init; } = 5;

    /// <summary>How long a stream stays open; whoever reads on comes back by itself, and is asked again who it is.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LongestStream { get; init; } = TimeSpan.FromHours(1);
}
