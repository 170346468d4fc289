using System.Globalization;
using System.Text.Json;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of stock and payments.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> StockAddsUpAsync()
    {
        var violations = new List<string>();
        foreach (var sku in _market.Skus)
        {
            var stock = await ReadAsync("inventory", $"/v1/products/{sku}/stock");
            var reserved = stock.GetProperty("reserved").GetInt64();
            var shipped = stock.GetProperty("shipped").GetInt64();
            var expected = _market.Placed.Where(o => o.Sku == sku && _orders.TryGetValue(o.Id, out var state) && Has(state, "shippedAt")).Sum(
                o => (long)o.Quantity);
            if (reserved != 0)
            {
                violations.Add($"{sku}: {reserved} are still reserved");
            }

            if (shipped < expected || (_market.Abandoned == 0 && shipped != expected))
            {
                violations.Add($"{sku}: {shipped} pieces are shipped, the orders say {expected}");
            }
        }

        var audit = await ReadAsync("inventory", "/v1/ops/stock-audit");
        violations.AddRange(audit.GetProperty("differences").EnumerateArray().Select(d => d.ToString()));
        return new Verdict(
            "stock", "Stock adds up: received = on hand + shipped, what was shipped was ordered, nothing stays reserved", _market.Skus.Count, violations);
    }

    private Verdict MoneyFollowsTheGoods()
    {
        var violations = new List<string>();
        var entriesOf = _ledger.ToLookup(e => e.OrderId);
        foreach (var (id, order) in _orders)
        {
            var entries = entriesOf[id].ToArray();
            var captured = entries.Count(e => e.Type == "captured") - entries.Count(e => e.Type == "refunded");
            var open = entries.Count(e => e.Type == "authorized") - entries.Count(e => e.Type is "captured" or "voided");
            var completed = order.GetProperty("status").GetString() == "completed";
            if (completed && captured != 1)
            {
                violations.Add($"order {id} is completed and was captured {captured} times");
            }
            else if (!completed && captured != 0)
            {
                violations.Add($"order {id} is {order.GetProperty("status")} and its money was taken");
            }

            if (open > 0)
            {
                violations.Add($"order {id} is {order.GetProperty("status")} and {open} authorizations are open");
            }

            if (completed && entries.Where(e => e.Type == "captured").Sum(e => e.Amount) != MinorUnits(order.GetProperty("total")))
            {
                violations.Add($"order {id}: another amount was taken than its total");
            }
        }

        violations.AddRange(entriesOf.Where(e => !_stored.Contains(e.Key) && !_ordersOfStrangers.Contains(e.Key)).Select(
            e => $"money was asked for order {e.Key}, which does not exist"));
        return new Verdict(
            "money", "Money follows the goods: captured once if completed and never else, no authorization stays open", _orders.Count, violations);
    }

    private async Task<Verdict> PaymentsEqualTheLedgerAsync()
    {
        var answer = await ReadAsync("orders", "/v1/ops/payments/reconciliation");
        var open = answer.GetProperty("inFlight").GetInt32();   // left out of the comparison, so there must be none
        return new Verdict(
            "payments",
            "Our payment records equal the provider's ledger, entry by entry",
            _ledger.Count,
            [.. answer.GetProperty("differences").EnumerateArray().Select(d => d.ToString()),
             .. open == 0 ? Array.Empty<string>() : [$"{open} payments are still being worked on"]]);
    }

    private static long MinorUnits(JsonElement money) =>
        (long)(decimal.Parse(money.GetProperty("amount").GetString()!, CultureInfo.InvariantCulture) * 100);
}
