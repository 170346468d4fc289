using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of payments that are not decided at once.</summary>
public sealed partial class Oracle
{
    private static readonly string[] Undecided = ["requires_action", "processing", "requires_capture"];

    private async Task<Verdict> PendingPaymentsEndAsync()
    {
        var entriesOf = _ledger.ToLookup(e => e.OrderId, e => e.Type);
        var waiting = await _stage.RowsAsync(
            "orders",
            "SELECT order_id, coalesce(waits_for, operation) FROM payments WHERE waits_for IS NOT NULL OR operation IS NOT NULL",
            r => (r.GetGuid(0), r.GetString(1)));
        return new Verdict(
            "pending",
            "Nothing is sent before its payment is authorized; a payment that nobody confirms holds nothing; at rest none is waiting, here or at the provider",
            _market.Placed.Count(
                o => o.Kind is OrderKind.ConfirmsPayment or OrderKind.AbandonsPayment or OrderKind.ProcessingCard
                or OrderKind.ProcessingDeclined or OrderKind.StoredErrorCard),
            [.. from o in _market.Placed
                where _orders.ContainsKey(o.Id)
                    && (Has(_orders[o.Id], "shippedAt") || Has(_orders[o.Id], "confirmedAt"))
                    && !entriesOf[o.Id].Contains("authorized")
                select $"order {o.Id} ({o.Kind}) was confirmed, and nothing was authorized for it",
             .. from o in _market.Placed
                where o.Kind == OrderKind.AbandonsPayment && entriesOf[o.Id].Any()
                select $"order {o.Id}: its customer confirmed nothing, and the provider has {string.Join(", ", entriesOf[o.Id])}",
             .. waiting.Select(w => $"the payment of order {w.Item1} still waits: {w.Item2}"),
             .. from status in Undecided
                let count = _payments.TryGetProperty(status, out var n) ? n.GetInt32() : 0
                where count > 0
                select $"at the provider {count} payments are {status}"]);
    }
}
