namespace Shop.SystemBench;

internal static class Durations
{
    private const double Shortest = 4;

    /// <summary>A phase of a full run, scaled, but never so short that it shows nothing.</summary>
    public static TimeSpan Seconds(double seconds, double scale) => TimeSpan.FromSeconds(Math.Max(seconds * scale, Math.Min(seconds, Shortest)));
}
