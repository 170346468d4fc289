using System.Globalization;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of the servers' side.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> TheTopologyIsWholeAsync() => new(
        "topology",
        "What somebody deleted on the broker is there again, with every binding",
        _stage.Topology.Known.Count,
        [.. (await _stage.Topology.MissingAsync()).Select(m => $"there is no {m}")]);

    private Verdict RecoveryIsQuick()
    {
        var limited = _faults.Where(f => f.Limit is not null).ToArray();
        return new Verdict(
            "recovery",
            "What one node or one replica of several has held up is done 30 s after it is back",
            limited.Length,
            [.. from f in limited
                where f.Recovery is not { } took || took > f.Limit
                select string.Create(CultureInfo.InvariantCulture, $"'{f.Kind}' of {f.Target}: {(f.Recovery is { } took ? $"{took.TotalSeconds:0.0} s" : "not at all")}")]);
    }

    private Verdict BystandersGoOn() => new(
        "bystanders",
        "Messages, mails and statistics go on while somebody holds a transaction open",
        _stage.Bystanders.Looks,
        _stage.Bystanders.Stuck);
}
