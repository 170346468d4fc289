namespace Chassis.Testing;

/// <summary>
/// How much a test does that gets better the longer it runs: a short form on every run, all of it with <c>LONG=1</c>, at night and before a release.
/// Both assert the same.
/// </summary>
public static class Effort
{
    private static readonly bool Whole = Environment.GetEnvironmentVariable("LONG") is not (null or "" or "0");

    public static int Of(int brief, int whole) => Whole ? whole : brief;

    /// <summary>
    /// A seed for a test's own randomness: that of <c>SEED</c> where it is set, so that a failure can be repeated. The test says which it was.
    /// </summary>
    public static int Seed() => int.TryParse(Environment.GetEnvironmentVariable("SEED"), out var seed) ? seed : Random.Shared.Next();
}
