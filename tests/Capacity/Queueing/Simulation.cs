namespace Shop.Capacity.Queueing;

/// <summary>A clock that jumps from event to event. Times are in milliseconds.</summary>
public sealed class Simulation(int seed)
{
    private readonly PriorityQueue<Action, (double At, long Number)> _events = new();
    private long _number;

    public double Now { get; private set; }

    public Random Chance { get; } = new(seed);

    public void After(double delay, Action action) => _events.Enqueue(action, (Now + delay, _number++));

    /// <summary>Until nothing is left to happen, or the clock has passed a moment.</summary>
    public void RunUntil(double end)
    {
        while (_events.TryDequeue(out var action, out var due) && due.At <= end)
        {
            Now = due.At;
            action();
        }
    }

    public double Exponential(double mean) => -mean * Math.Log(1 - Chance.NextDouble());

    /// <summary>A service time that is never negative and sometimes long.</summary>
    /// <param name="mean">Its mean.</param>
    /// <param name="variation">Standard deviation over mean; 0 for one like the other.</param>
    public double LogNormal(double mean, double variation)
    {
        if (variation == 0 || mean == 0)
        {
            return mean;
        }

        var variance = Math.Log(1 + (variation * variation));
        var normal = Math.Sqrt(-2 * Math.Log(1 - Chance.NextDouble())) * Math.Cos(2 * Math.PI * Chance.NextDouble());
        return mean * Math.Exp((Math.Sqrt(variance) * normal) - (variance / 2));
    }
}
