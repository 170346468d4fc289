namespace Shop.Chaos.Invariants;

/// <summary>What an invariant found.</summary>
/// <param name="Key">A word for it.</param>
/// <param name="Name">The promise, as a sentence.</param>
/// <param name="Checked">How many things it looked at: a promise about nothing proves nothing.</param>
/// <param name="Violations">What broke it.</param>
public sealed record Verdict(string Key, string Name, int Checked, IReadOnlyList<string> Violations);
