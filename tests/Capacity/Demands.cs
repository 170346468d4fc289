namespace Shop.Capacity;

/// <summary>What a process takes of the processors.</summary>
/// <param name="Idle">Of one processor, whatever is ordered: timers, sweeps, clean-up, gauges.</param>
/// <param name="PerOrder">Milliseconds for each order.</param>
public sealed record Demand(double Idle, double PerOrder);

/// <summary>The demands of all processes, by the straight line through what was measured under several loads.</summary>
public static class Demands
{
    public static IReadOnlyDictionary<string, Demand> Of(IReadOnlyList<Load> loads) =>
        loads[0].Processor.Keys.ToDictionary(process => process, process => Line([.. loads.Select(l => (l.OrdersPerSecond, l.Processor[process]))]));

    /// <summary>Least squares of processor time in a second over orders in a second; neither part of it is below nothing.</summary>
    private static Demand Line(IReadOnlyList<(double Rate, double PerOrder)> points)
    {
        if (points.Count == 1)
        {
            return new Demand(0, points[0].PerOrder);
        }

        var (meanRate, meanUse) = (points.Average(p => p.Rate), points.Average(p => p.Rate * p.PerOrder));
        var slope = points.Sum(p => (p.Rate - meanRate) * ((p.Rate * p.PerOrder) - meanUse)) / points.Sum(p => (p.Rate - meanRate) * (p.Rate - meanRate));
        var idle = meanUse - (slope * meanRate);
        return idle < 0 ? new Demand(0, points.Sum(p => p.Rate * p.Rate * p.PerOrder) / points.Sum(p => p.Rate * p.Rate)) : new Demand(idle / 1000, slope);
    }
}
