using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Npgsql;
using Shop.Chaos.Faults;
using Shop.Chaos.Load;
using Shop.Chaos.Report;
using Shop.Cluster;

namespace Shop.Chaos.Invariants;

/// <summary>What must be true of the system once it is at rest, whatever happened to it before. Each invariant asks from outside or reads the database itself.</summary>
public sealed class Oracle
{
    private const double AcceptedShare = 0.95;
    private const int InFlightPerFault = 20;

    /// <summary>What one replica of notifications sends at the same time: <c>Mail__Concurrency</c>.</summary>
    private const int MailsAtATime = 4;

    private static readonly string[] ServiceNames = ["users", "orders", "inventory", "notifications"];
    private static readonly string[] Terminal = ["completed", "cancelled", "failed"];

    private readonly Stage stage;
    private readonly Market market;
    private readonly ShopClient shop;
    private readonly Dictionary<Guid, JsonElement> orders = [];
    private readonly List<LedgerEntry> ledger = [];

    private Oracle(Stage stage, Market market, ShopClient shop) => (this.stage, this.market, this.shop) = (stage, market, shop);

    public static async Task<IReadOnlyList<Verdict>> JudgeAsync(Stage stage, Market market, IReadOnlyList<FaultRecord> faults)
    {
        using var shop = await ShopClient.OperatorAsync(stage.Cluster);
        var oracle = new Oracle(stage, market, shop);
        await oracle.LoadAsync();
        return
        [
            oracle.EveryOrderEnds(), oracle.OutcomesHaveCauses(), oracle.IdempotencyHolds(), await oracle.OneOrderPerKeyAsync(),
            await oracle.StockAddsUpAsync(), oracle.MoneyFollowsTheGoods(), await oracle.PaymentsEqualTheLedgerAsync(),
            oracle.MailsGoOnce(faults), await oracle.EveryOrderHasItsMailsAsync(), oracle.WebhooksAreStable(), await oracle.WebhooksArriveAsync(),
            await oracle.StreamsAreContiguousAsync(), await oracle.ReadModelEqualsTheFoldAsync(), await oracle.NoTimerIsOverdueAsync(),
            await oracle.OnlyPoisonIsDeadAsync(), await oracle.CausationIsConnectedAsync(), oracle.TheRunMeansSomething(faults),
        ];
    }

    public static async Task<IReadOnlyDictionary<string, int>> OutcomesAsync(Stage stage)
    {
        var rows = await stage.RowsAsync("orders", "SELECT status, count(*)::int FROM orders WHERE status <> 'draft' GROUP BY status", r => (r.GetString(0), r.GetInt32(1)));
        return rows.ToDictionary(r => r.Item1, r => r.Item2);
    }

    private async Task LoadAsync()
    {
        await Parallel.ForEachAsync(market.Placed, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (order, ct) =>
        {
            using var response = await shop.SendAsync(HttpMethod.Get, "orders", $"/v1/orders/{order.Id}", cancellationToken: ct);
            if (response.IsSuccessStatusCode)
            {
                var body = await response.Content.ReadFromJsonAsync<JsonElement>(ct);
                lock (orders)
                {
                    orders[order.Id] = body;
                }
            }
        });
        var entries = await stage.Sandbox.GetFromJsonAsync<JsonElement>("/sandbox/ledger?limit=100000");
        ledger.AddRange(entries.GetProperty("entries").EnumerateArray().Select(e => new LedgerEntry(
            e.GetProperty("type").GetString()!,
            e.GetProperty("amount").GetInt64(),
            e.TryGetProperty("order_id", out var id) && Guid.TryParse(id.GetString(), out var order) ? order : Guid.Empty)));
    }

    private Verdict EveryOrderEnds() => new(
        "Every acknowledged order exists and has exactly one end",
        market.Placed.Count,
        [.. market.Placed.Where(o => !orders.ContainsKey(o.Id)).Select(o => $"order {o.Id} ({o.Kind}) is gone"),
         .. from o in market.Placed where orders.ContainsKey(o.Id) && !Terminal.Contains(StatusOf(o)) select $"order {o.Id} ({o.Kind}) is still {StatusOf(o)}"]);

    private Verdict OutcomesHaveCauses() => new(
        "An order fails or is cancelled if and only if there was a cause",
        orders.Count,
        [.. from o in market.Placed
            where orders.ContainsKey(o.Id)
            let status = StatusOf(o)
            let reason = orders[o.Id].TryGetProperty("reason", out var r) ? r.GetString() ?? "" : ""
            let timedOut = status == "failed" && reason.StartsWith("timed_out:", StringComparison.Ordinal)     // a fault is cause enough
            let fits = o.Kind switch
            {
                OrderKind.OutOfStock => status == "failed" && reason.StartsWith("out_of_stock:", StringComparison.Ordinal),
                OrderKind.Declined or OrderKind.CaptureFails => status == "failed" && reason.StartsWith("payment_declined:", StringComparison.Ordinal),
                OrderKind.CancelledInFlight or OrderKind.OwnerDeactivated => status is "cancelled" or "completed",
                _ => status == "completed",
            }
            where !fits && !timedOut
            select $"order {o.Id} ({o.Kind}) is {status}: {reason}"]);

    private Verdict IdempotencyHolds() => new(
        "A repeated request with the same key gets the first answer, byte for byte",
        market.Placed.Count,
        [.. market.Placed.SelectMany(o => o.WrongReplays.Select(w => $"order {o.Id}: {w}"))]);

    private async Task<Verdict> OneOrderPerKeyAsync()
    {
        var accepted = market.Placed.Select(o => o.Id).ToHashSet();
        var stored = await stage.RowsAsync("orders", "SELECT id FROM orders WHERE status <> 'draft'", r => r.GetGuid(0));
        var strangers = stored.Where(id => !accepted.Contains(id)).ToArray();

        // A customer whose patience ended may have an order all the same; nobody else may.
        return new Verdict(
            "There is one order per idempotency key and none that nobody asked for",
            stored.Count,
            strangers.Length <= market.Abandoned ? [] : [.. strangers.Select(id => $"order {id} was acknowledged to nobody")]);
    }

    private async Task<Verdict> StockAddsUpAsync()
    {
        var violations = new List<string>();
        foreach (var sku in market.Skus)
        {
            var stock = await shop.GetAsync("inventory", $"/v1/products/{sku}/stock");
            var reserved = stock.GetProperty("reserved").GetInt64();
            var shipped = stock.GetProperty("shipped").GetInt64();
            var expected = market.Placed.Where(o => o.Sku == sku && orders.TryGetValue(o.Id, out var state) && HasShipped(state)).Sum(o => (long)o.Quantity);
            if (reserved != 0)
            {
                violations.Add($"{sku}: {reserved} are still reserved");
            }

            if (shipped < expected || (market.Abandoned == 0 && shipped != expected))
            {
                violations.Add($"{sku}: {shipped} pieces are shipped, the orders say {expected}");
            }
        }

        var audit = await shop.GetAsync("inventory", "/v1/ops/stock-audit");
        violations.AddRange(audit.GetProperty("differences").EnumerateArray().Select(d => d.ToString()));
        return new Verdict("Stock adds up: received = on hand + shipped, what was shipped was ordered, nothing stays reserved", market.Skus.Count, violations);
    }

    private Verdict MoneyFollowsTheGoods()
    {
        var violations = new List<string>();
        foreach (var (id, order) in orders)
        {
            var entries = ledger.Where(e => e.OrderId == id).ToArray();
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

        return new Verdict("Money follows the goods: captured once if completed and never else, no authorization stays open", orders.Count, violations);
    }

    private async Task<Verdict> PaymentsEqualTheLedgerAsync()
    {
        var answer = await shop.GetAsync("orders", "/v1/ops/payments/reconciliation");
        var differences = answer.GetProperty("differences").EnumerateArray().Select(d => d.ToString()).ToArray();
        return new Verdict("Our payment records equal the provider's ledger, entry by entry", ledger.Count, differences);
    }

    private Verdict MailsGoOnce(IReadOnlyList<FaultRecord> faults)
    {
        var twice = stage.Mails.Mails.GroupBy(m => (m.MessageId, m.Recipient)).Where(g => g.Count() > 1).Select(g => $"{g.Key.MessageId} to {g.Key.Recipient}: {g.Count()} times").ToArray();

        // The documented window: the mail server has taken the mail and the sender is killed before it can note that, once for each mail it sends at a time.
        var kills = faults.Where(f => f.Target.StartsWith("notifications", StringComparison.Ordinal)).Sum(f => f.Kind switch { "kill -9" => 1, Arsenal.KillBothTwice => 4, _ => 0 });
        var window = kills * MailsAtATime;
        return new Verdict($"Each mail goes once, by Message-ID ({twice.Length} repeated, in the documented window of {kills} kills)", stage.Mails.Mails.Count, twice.Length <= window ? [] : twice);
    }

    private async Task<Verdict> EveryOrderHasItsMailsAsync()
    {
        var mails = await stage.RowsAsync("notifications", "SELECT order_id, template FROM mails WHERE status = 'sent' AND order_id IS NOT NULL", r => (r.GetGuid(0), r.GetString(1)));
        var of = mails.ToLookup(m => m.Item1, m => m.Item2);
        return new Verdict(
            "Every order that ended has exactly the mails of its way",
            orders.Count,
            [.. from o in market.Placed
                where orders.ContainsKey(o.Id) && o.Kind != OrderKind.OwnerDeactivated
                let order = orders[o.Id]
                let expected = (Has(order, "confirmedAt") ? 1 : 0) + (Has(order, "shippedAt") ? 1 : 0) + (Has(order, "cancelledAt") ? 1 : 0) + (Has(order, "failedAt") ? 1 : 0)
                let actual = of[o.Id].Count()
                where actual != expected
                select $"order {o.Id} ({StatusOf(o)}) has {actual} mails instead of {expected}: {string.Join(", ", of[o.Id])}"]);
    }

    private Verdict WebhooksAreStable() => new(
        "Each webhook keeps its id and its body on every attempt and is signed rightly",
        stage.Webhooks.Attempts.Count,
        [.. stage.Webhooks.Attempts.Where(a => !a.IsSigned).Select(a => $"{a.Endpoint} {a.Id}: the signature is wrong"),
         .. stage.Webhooks.Attempts.GroupBy(a => (a.Endpoint, a.Id)).Where(g => g.Select(a => a.BodyHash).Distinct().Count() > 1).Select(g => $"{g.Key}: the body changed")]);

    private async Task<Verdict> WebhooksArriveAsync()
    {
        var published = await stage.RowsAsync("orders", "SELECT event_id::text FROM messaging.boundary_events WHERE type LIKE 'shop.order.%'", r => r.GetString(0));
        var arrived = stage.Webhooks.Attempts.Where(a => a is { Endpoint: Stage.SteadyEndpoint, Accepted: true }).Select(a => a.Id).ToHashSet();
        return new Verdict(
            "Each webhook arrives at least once at a receiver that works",
            published.Count,
            published.Count <= arrived.Count ? [] : [$"{published.Count} events were published and {arrived.Count} arrived"]);
    }

    private async Task<Verdict> StreamsAreContiguousAsync()
    {
        var streams = await stage.QueryAsync<long>("orders", "SELECT count(DISTINCT stream_id) FROM event_store.events");
        var broken = await stage.RowsAsync(
            "orders",
            "SELECT stream_id::text FROM event_store.events GROUP BY stream_id HAVING min(version) <> 1 OR max(version) <> count(*)",
            r => r.GetString(0));
        return new Verdict("Streams are contiguous: versions 1, 2, 3 … without gap or repetition", (int)streams, [.. broken.Select(s => $"stream {s}")]);
    }

    private async Task<Verdict> ReadModelEqualsTheFoldAsync()
    {
        var violations = new List<string>();
        await Parallel.ForEachAsync(orders, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (pair, _) =>
        {
            var (id, order) = pair;
            var folded = await shop.GetAsync("orders", $"/v1/orders/{id}?asOf={order.GetProperty("version").GetInt64()}");
            if (!JsonElement.DeepEquals(folded, order))
            {
                lock (violations)
                {
                    violations.Add($"order {id}: {order} but the events say {folded}");
                }
            }
        });
        return new Verdict("The read model of every order equals the fold of its events", orders.Count, violations);
    }

    private async Task<Verdict> NoTimerIsOverdueAsync()
    {
        var violations = new List<string>();
        foreach (var service in ServiceNames)
        {
            var overdue = await stage.QueryAsync<long>(service, "SELECT count(*) FROM messaging.outbox WHERE parked_at IS NULL AND due_at < now() - interval '5 seconds'");
            var parked = await stage.QueryAsync<long>(service, "SELECT count(*) FROM messaging.outbox WHERE parked_at IS NOT NULL");
            if (overdue + parked > 0)
            {
                violations.Add($"{service}: {overdue} overdue, {parked} parked");
            }
        }

        return new Verdict("Outboxes are empty: nothing overdue, nothing parked", ServiceNames.Length, violations);
    }

    private async Task<Verdict> OnlyPoisonIsDeadAsync()
    {
        var seen = 0;
        var violations = new List<string>();
        foreach (var service in ServiceNames)
        {
            var dead = await stage.RowsAsync(service, "SELECT message_id, queue, reason FROM messaging.dead_letters WHERE status = 'open'", r => (r.GetString(0), r.GetString(1), r.GetString(2)));
            seen += dead.Count;
            violations.AddRange(dead.Where(d => !d.Item1.StartsWith(PoisonKit.MarkPrefix, StringComparison.Ordinal)).Select(d => $"{service}, {d.Item2}: {d.Item3}"));
        }

        return new Verdict("Dead letters hold nothing but what was planted as poison", seen, violations);
    }

    private async Task<Verdict> CausationIsConnectedAsync()
    {
        var loose = await stage.RowsAsync(
            "orders",
            """
            SELECT subject FROM messaging.boundary_events WHERE type LIKE 'shop.order.%'
            GROUP BY subject HAVING count(DISTINCT headers ->> 'cloudEvents_correlationid') <> 1 OR bool_or(headers ->> 'cloudEvents_correlationid' IS NULL)
            """,
            r => r.GetString(0));

        // A cancellation is a request of its own and brings its own correlation.
        var own = market.Placed.Where(o => o.Kind is OrderKind.CancelledInFlight or OrderKind.OwnerDeactivated).Select(o => o.Id.ToString()).ToHashSet();
        return new Verdict("Every event of an order carries the correlation of the request that placed it", orders.Count, [.. loose.Where(s => !own.Contains(s)).Select(s => $"order {s}")]);
    }

    private Verdict TheRunMeansSomething(IReadOnlyList<FaultRecord> faults)
    {
        var violations = new List<string>();
        var accepted = market.Placed.Count / (double)Math.Max(1, market.Attempted);
        if (accepted < AcceptedShare)
        {
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"only {accepted:P1} of the orders were accepted; {market.Abandoned} without an answer; refused: {string.Join(" | ", market.Refusals.Take(3))}"));
        }

        violations.AddRange(
            from kind in faults.GroupBy(f => f.Kind)
            let most = kind.Max(f => f.InFlight)
            where most < Math.Min(InFlightPerFault, market.Attempted / Math.Max(1, faults.Count) / 2)
            select string.Create(CultureInfo.InvariantCulture, $"'{kind.Key}' met only {most} orders in flight"));
        return new Verdict("The run means something: 95 % of the orders accepted, every kind of fault met orders in flight", market.Attempted, violations);
    }

    private string StatusOf(PlacedOrder order) => orders[order.Id].GetProperty("status").GetString()!;

    private static bool HasShipped(JsonElement order) => Has(order, "shippedAt");

    private static bool Has(JsonElement order, string member) => order.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String;

    private static long MinorUnits(JsonElement money) =>
        (long)(decimal.Parse(money.GetProperty("amount").GetString()!, CultureInfo.InvariantCulture) * 100);

    private sealed record LedgerEntry(string Type, long Amount, Guid OrderId);
}
