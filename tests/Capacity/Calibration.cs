namespace Shop.Capacity;

/// <summary>
/// Finds the <see cref="Shape"/> under which the network does what was measured under the least and the greatest load. The loads in between are not shown to
/// it: they say whether it is true.
/// </summary>
public static class Calibration
{
    private const int Rounds = 40;
    private const int Runs = 5;

    /// <summary>Where the search begins: what is nearest to one of them need not be nearest of all.</summary>
    private static readonly Shape[] Starts =
    [
        new(Share: 0.4, Flush: 0.5, Variation: 1, Burst: 10, Shared: 0),
        new(Share: 0.6, Flush: 1, Variation: 0.5, Burst: 30, Shared: 0),
        new(Share: 0.5, Flush: 0.2, Variation: 2, Burst: 5, Shared: 0),
    ];

    public static Shape Fit(Measured measured, IReadOnlyDictionary<string, Demand> demands, Machines machines)
    {
        Load[] shown = [measured.Loads[0], measured.Loads[^1]];
        return Starts.Select(start => Descend(start with { Shared = measured.Shared })).MinBy(found => found.Error).Shape;

        (Shape Shape, double Error) Descend(Shape from)
        {
            var (best, error, reach) = (from, ErrorOf(from), 0.5);
            for (var round = 0; round < Rounds && reach > 0.02; round++)
            {
                var better = Around(best, reach).Select(s => (Shape: s, Error: ErrorOf(s))).MinBy(t => t.Error);
                if (better.Error < error)
                {
                    (best, error) = better;
                }
                else
                {
                    reach /= 2;
                }
            }

            return (best, error);
        }

        double ErrorOf(Shape shape) => shown.Sum(load =>
        {
            var told = Network.Median(load.OrdersPerSecond, demands, shape, machines, Runs);
            return Square(told.P50 / load.P50) + Square(told.P95 / load.P95) + (2 * Square(told.P99 / load.P99));
        });
    }

    private static double Square(double ratio) => double.IsFinite(ratio) ? Math.Log(ratio) * Math.Log(ratio) : 1e6;

    private static IEnumerable<Shape> Around(Shape shape, double reach)
    {
        foreach (var factor in new[] { 1 + reach, 1 / (1 + reach) })
        {
            yield return shape with { Share = Math.Min(1, shape.Share * factor) };
            yield return shape with { Flush = shape.Flush * factor };
            yield return shape with { Variation = shape.Variation * factor };
            yield return shape with { Burst = shape.Burst * factor };
        }
    }
}
