namespace Shop.Chaos.Invariants;

/// <summary>What is promised of messages that nobody has thought of.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> OddMessagesAreKeptAsync()
    {
        var kept = new HashSet<(string Mark, string Service)>();
        foreach (var service in ServiceNames.Where(_ => _stage.Odd.Planted.Count > 0))
        {
            kept.UnionWith(await _stage.RowsAsync(
                service,
                $"SELECT substring(encode(body, 'escape') FROM '{Faults.PoisonKit.MarkPrefix}-[0-9a-f]{{32}}') AS mark FROM messaging.dead_letters WHERE encode(body, 'escape') LIKE '%{Faults.PoisonKit.MarkPrefix}-%'",
                r => (r.GetString(0), service)));
        }

        return new Verdict(
            "odd",
            "Whatever a stranger puts into an exchange or a queue is kept as a dead letter of its service, and stops nobody",
            _stage.Odd.Planted.Count,
            [.. _stage.Odd.Planted.Where(p => !kept.Contains((p.Mark, p.Service))).Select(p => $"{p.Service} has not kept the message with {p.How}")]);
    }
}
