namespace Shop.Capacity;

/// <summary>What the network does not tell by its demands; fitted to measurements by <see cref="Calibration"/>.</summary>
/// <param name="Share">Of the processor time of an order, what stands in its way; the rest goes on beside it.</param>
/// <param name="Flush">Milliseconds of a flush of the database's log, and of the broker's.</param>
/// <param name="Variation">Of a piece of work: standard deviation over mean.</param>
/// <param name="Burst">Milliseconds for which a timer, a sweep or a collector holds a processor.</param>
/// <param name="Shared">
/// Of a piece of work, what those who are at it together do once for all of them: a flush, a round trip of the relay. Not fitted: it follows from what an order
/// costs when ninety-six are under way.
/// </param>
public sealed record Shape(double Share, double Flush, double Variation, double Burst, double Shared);

/// <summary>Where the processes run.</summary>
/// <param name="Processors">Number of processors of each group.</param>
/// <param name="GroupOf">The group in which a process runs.</param>
public sealed record Machines(IReadOnlyDictionary<string, int> Processors, Func<string, string> GroupOf)
{
    /// <summary>Everything on one, as it was measured.</summary>
    public static Machines One(int processors) => new(new Dictionary<string, int> { ["all"] = processors }, _ => "all");
}
