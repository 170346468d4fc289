using System.Text.Json;
using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of orders, their events and what is read from them.</summary>
public sealed partial class Oracle
{
    private static readonly string[] Terminal = ["completed", "cancelled", "failed"];

    private Verdict EveryOrderEnds() => new(
        "ends",
        "Every acknowledged order exists and has exactly one end",
        _market.Placed.Count,
        [.. _market.Placed.Where(o => !_orders.ContainsKey(o.Id)).Select(o => $"order {o.Id} ({o.Kind}) is gone"),
         .. from o in _market.Placed where _orders.ContainsKey(o.Id)
             && !Terminal.Contains(StatusOf(o)) select $"order {o.Id} ({o.Kind}) is still {StatusOf(o)}"]);

    private Verdict OutcomesHaveCauses() => new(
        "causes",
        "An order fails or is cancelled if and only if there was a cause",
        _orders.Count,
        [.. from o in _market.Placed
            where _orders.ContainsKey(o.Id)
            let status = StatusOf(o)
            let reason = ReasonOf(o)
            let timedOut = status == "failed" && reason.StartsWith("timed_out:", StringComparison.Ordinal)
            let fits = o.Kind switch
            {
                OrderKind.OutOfStock => status == "failed" && reason.StartsWith("out_of_stock:", StringComparison.Ordinal),
                OrderKind.Declined or OrderKind.CaptureFails or OrderKind.ProcessingDeclined =>
                    status == "failed" && reason.StartsWith("payment_declined:", StringComparison.Ordinal),
                OrderKind.CancelledInFlight or OrderKind.OwnerDeactivated or OrderKind.OwnerErased => status is "cancelled" or "completed",
                OrderKind.AbandonsPayment => timedOut,
                _ => status == "completed",
            }
            where !fits && !(timedOut && _faults.Count > 0)   // a fault is cause enough
            select $"order {o.Id} ({o.Kind}) is {status}: {reason}"]);

    private Verdict IdempotencyHolds() => new(
        "replays",
        "A repeated request with the same key gets the first answer, byte for byte",
        _market.Placed.Count,
        [.. _market.Placed.SelectMany(o => o.WrongReplays.Select(w => $"order {o.Id}: {w}"))]);

    private Verdict OneOrderPerKey()
    {
        var known = _market.Placed.Select(o => o.Id).Concat(_market.Drafts).ToHashSet();
        var strangers = _stored.Where(id => !known.Contains(id)).ToArray();

        // A customer whose patience ended may have an order all the same; nobody else may.
        return new Verdict(
            "one-order",
            "There is one order per idempotency key and none that nobody asked for",
            _stored.Count,
            strangers.Length <= _market.Abandoned ? [] : [.. strangers.Select(id => $"order {id} was acknowledged to nobody")]);
    }

    private async Task<Verdict> LeaversAreCancelledAsync()
    {
        var open = await _stage.RowsAsync(
            "orders",
            "SELECT user_id, id, status FROM orders WHERE status IN ('draft', 'submitted', 'confirmed')",
            r => (r.GetGuid(0), r.GetGuid(1), r.GetString(2)));
        return new Verdict(
            "leavers",
            "A customer who was deactivated has no open order and no draft",
            _market.Leavers.Count,
            [.. open.Where(o => _market.Leavers.Contains(o.Item1)).Select(o => $"order {o.Item2} of {o.Item1} is {o.Item3}")]);
    }

    private async Task<Verdict> StreamsAreContiguousAsync()
    {
        var streams = await _stage.QueryAsync<long>("orders", "SELECT count(DISTINCT stream_id) FROM event_store.events");
        var broken = await _stage.RowsAsync(
            "orders",
            "SELECT stream_id::text FROM event_store.events GROUP BY stream_id HAVING min(version) <> 1 OR max(version) <> count(*)",
            r => r.GetString(0));
        return new Verdict(
            "streams", "Streams are contiguous: versions 1, 2, 3 … without gap or repetition", (int)streams, [.. broken.Select(s => $"stream {s}")]);
    }

    private async Task<Verdict> ReadModelEqualsTheFoldAsync()
    {
        var violations = new List<string>();
        await Parallel.ForEachAsync(_orders, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (pair, _) =>
        {
            var (id, order) = pair;
            // A problem, when the events do not reach that version.
            var (_, folded) = await AskAsync("orders", $"/v1/orders/{id}?asOf={order.GetProperty("version").GetInt64()}");
            if (!JsonElement.DeepEquals(folded, order))
            {
                lock (violations)
                {
                    violations.Add($"order {id}: {order} but the events say {folded}");
                }
            }
        });
        return new Verdict("read-model", "The read model of every order equals the fold of its events", _orders.Count, violations);
    }

    private async Task<Verdict> SalesEqualTheEventsAsync()
    {
        var events = await _stage.RowsAsync(
            "orders",
            """
            SELECT line ->> 'sku', count(*), sum((line ->> 'quantity')::bigint)::bigint
            FROM event_store.events, jsonb_array_elements(payload -> 'lines') AS line WHERE event_type = 'order.completed' GROUP BY 1
            """,
            r => (Sku: r.GetString(0), Sold: (Orders: r.GetInt64(1), Pieces: r.GetInt64(2))));
        var placed = await _stage.QueryAsync<long>("orders", "SELECT count(*) FROM event_store.events WHERE event_type = 'order.submitted'");
        var byProduct = (await ReadAsync("orders", "/v1/statistics/sales?groupBy=product")).GetProperty("items").EnumerateArray()
            .ToDictionary(i => i.GetProperty("sku").GetString()!, i => (i.GetProperty("orders").GetInt64(), i.GetProperty("quantity").GetInt64()));
        var counted = (await ReadAsync("orders", "/v1/statistics/sales")).GetProperty("items").EnumerateArray().Sum(i => i.GetProperty("placed").GetInt64());
        return new Verdict(
            "sales",
            "The sales statistics equal the events: orders and pieces of every product, orders placed",
            events.Count + 1,
            [.. from sku in byProduct.Keys.Union(events.Select(e => e.Sku))
                let expected = events.FirstOrDefault(e => e.Sku == sku).Sold
                let actual = byProduct.GetValueOrDefault(sku)
                where actual != expected
                select $"{sku}: the statistics say {actual} orders and pieces, the events {expected}",
             .. counted == placed ? Array.Empty<string>() : [$"the statistics count {counted} orders placed, there were {placed}"]]);
    }
}
