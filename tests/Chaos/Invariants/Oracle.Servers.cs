namespace Shop.Chaos.Invariants;

/// <summary>What is promised of the servers' side.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> TheTopologyIsWholeAsync() => new(
        "topology",
        "What somebody deleted on the broker is there again, with every binding",
        _stage.Topology.Known.Count,
        [.. (await _stage.Topology.MissingAsync()).Select(m => $"there is no {m}")]);

    private Verdict BystandersGoOn() => new(
        "bystanders",
        "Messages, mails and statistics go on while somebody holds a transaction open",
        _stage.Bystanders.Looks,
        _stage.Bystanders.Stuck);
}
