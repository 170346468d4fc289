using System.Globalization;
using Shop.Chaos.Faults;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of facts that do not come from their owner.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> ForgeriesAreRefusedAsync()
    {
        var dead = (await DeadAsync()).Where(d => d.Reason == "forged").Select(d => (d.Id, d.Queue)).ToHashSet();
        var violations = _stage.Forge.LetIn.ToList();
        violations.AddRange(
            from message in _stage.Forge.Planted
            from queue in message.Queues
            where !dead.Contains((message.Id, queue))
            select $"{message.Id} ({message.Fact.GetType().Name}) was not refused as forged by {queue}");
        if (_stage.Forge.Planted.Count > 0)
        {
            violations.AddRange(await BelievedAsync());
        }

        return new Verdict(
            "forged",
            "What is told with another account than its owner's has no effect, and is a dead letter for that reason",
            _stage.Forge.Planted.Count,
            violations);
    }

    private async Task<IEnumerable<string>> BelievedAsync()
    {
        var erased = _market.Erased.Select(p => p.Customer.UserId).ToHashSet();
        var victims = _stage.Forge.Victims.Where(v => !erased.Contains(v) && !_market.Leaving.Contains(v))
            .Select(v => $"'{v}'")
            .DefaultIfEmpty($"'{Guid.Empty}'");
        var cheap = await _stage.RowsAsync(
            "orders", $"SELECT sku FROM catalogue_products WHERE price = {ForgeKit.Price.ToString(CultureInfo.InvariantCulture)}", r => r.GetString(0));
        var gone = await _stage.RowsAsync(
            "orders", $"SELECT user_id FROM catalogue_users WHERE status = 'erased' AND user_id IN ({string.Join(',', victims)})", r => r.GetGuid(0));
        return [.. cheap.Select(sku => $"orders believes a forged price of {sku}"), .. gone.Select(user => $"orders believes a forged erasure of {user}")];
    }
}
