namespace Chassis;

/// <summary>How long to wait before the next try.</summary>
public static class Backoff
{
    /// <summary>The first pause, doubled with every further try.</summary>
    /// <param name="tries">How many there were, from 1.</param>
    /// <param name="first">Pause after the first.</param>
    /// <param name="longest">No pause is longer.</param>
    public static TimeSpan Exponential(int tries, TimeSpan first, TimeSpan longest) =>
        // Beyond that the exponent is larger than any time.
        TimeSpan.FromTicks((long)Math.Min(first.Ticks * Math.Pow(2, Math.Clamp(tries - 1, 0, 62)), longest.Ticks));

    /// <summary>Moves a pause by up to a quarter either way, so that many who failed together do not try together.</summary>
    public static TimeSpan Jittered(TimeSpan pause) => pause * (0.75 + (Random.Shared.NextDouble() / 2));
}
