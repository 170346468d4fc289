namespace Shop.Chaos.Faults;

/// <param name="Id">Message id.</param>
/// <param name="Queues">Where it has to have come to.</param>
/// <param name="Fact">What it says.</param>
public sealed record ForgedMessage(string Id, IReadOnlyList<string> Queues, object Fact);
