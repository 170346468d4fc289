using Shop.Chaos.Faults;
using Shop.Chaos.Load;
using Shop.Contracts;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised of messages: told when it is true, acted on once, given up with a trace, connected with their cause.</summary>
public sealed partial class Oracle
{
    private async Task<Verdict> NothingIsToldBeforeItIsTrueAsync()
    {
        var heard = (from h in _stage.Echo.Heard
                     let publisher = ShopContracts.Catalogue.Find(h.Type)?.Publisher
                     where publisher is not null && _archives.ContainsKey(publisher)
                     select (h.Id, h.Type, IsTrue: _archives[publisher].Contains(h.Id))).ToArray();
        var mails = await _stage.RowsAsync(
            "notifications", "SELECT event_id, template FROM mails WHERE event_type LIKE 'shop.%'", r => (EventId: r.GetString(0), Template: r.GetString(1)));
        var known = _told.Select(e => e.Id).ToHashSet();
        return new Verdict(
            "told",
            "Nothing is told that was not committed: every event on the wire, in a mail and at a receiver is in its publisher's archive",
            heard.Length + mails.Count + _stage.Webhooks.Attempts.Count,
            [.. heard.Where(h => !h.IsTrue).Select(h => $"{h.Type} {h.Id} is not in the archive of its publisher"),
             .. mails.Where(m => !known.Contains(m.EventId) && !IsPlanted(m.EventId)).Select(
                 m => $"the mail {m.Template} tells of {m.EventId}, which nobody has published"),
             .. from a in _stage.Webhooks.Attempts
                where !known.Contains(a.Id) && !IsPlanted(a.Id)
                select $"{a.Endpoint} got {a.Id}, which nobody has published"]);
    }

    /// <summary>Whether a stranger has put it in: a fuzzer's events may be right in everything but that they are true.</summary>
    private static bool IsPlanted(string eventId) => eventId.StartsWith(PoisonKit.MarkPrefix, StringComparison.Ordinal);

    /// <summary>
    /// Every handler bears repetition, and most repetitions leave no trace. One does: shipping is asked for once, and who is asked again says it again.
    /// A cancellation may cross the shipment and have it told once more.
    /// </summary>
    private async Task<Verdict> RepeatedCommandsActOnceAsync()
    {
        var dispatches = (await _stage.RowsAsync(
            "inventory",
            "SELECT data ->> 'orderId', count(*) FROM messaging.boundary_events WHERE type LIKE 'shop.shipment.dispatched.%' GROUP BY 1",
            r => (r.GetString(0), r.GetInt64(1))))
            .ToDictionary(d => Guid.Parse(d.Item1), d => d.Item2);
        return new Verdict(
            "once",
            "A command that comes twice acts once: the dispatch of an order is told once",
            dispatches.Count,
            [.. from o in _market.Placed
                where o.Kind is not (OrderKind.CancelledInFlight or OrderKind.OwnerDeactivated or OrderKind.OwnerErased)
                    && _orders.ContainsKey(o.Id)
                    && Has(_orders[o.Id], "shippedAt")
                let times = dispatches.GetValueOrDefault(o.Id)
                where times != 1
                select $"the dispatch of order {o.Id} was told {times} times"]);
    }

    private async Task<Verdict> OutboxesAreEmptyAsync()
    {
        var violations = new List<string>();
        foreach (var service in ServiceNames)
        {
            var overdue = await _stage.QueryAsync<long>(
                service, "SELECT count(*) FROM messaging.outbox WHERE parked_at IS NULL AND due_at < now() - interval '5 seconds'");
            var parked = await _stage.QueryAsync<long>(service, "SELECT count(*) FROM messaging.outbox WHERE parked_at IS NOT NULL");
            if (overdue + parked > 0)
            {
                violations.Add($"{service}: {overdue} overdue, {parked} parked");
            }
        }

        return new Verdict("outboxes", "Outboxes are empty: nothing overdue, nothing parked", ServiceNames.Count, violations);
    }

    private async Task<Verdict> OnlyPoisonIsDeadAsync()
    {
        var dead = await DeadAsync();
        return new Verdict(
            "dead-letters",
            "Dead letters hold nothing but what was planted as poison",
            dead.Count,
            [.. dead.Where(d => !d.IsPlanted).Select(d => $"{d.Queue}: {d.Reason}: {d.What}")]);
    }

    /// <summary>A queue that takes an event because of its type must refuse these; the one that takes every event as it is must not.</summary>
    private async Task<Verdict> AllPoisonIsDeadAsync()
    {
        var dead = (await DeadAsync()).Select(d => (d.Id, d.Queue)).ToHashSet();
        var queuesOf = new Dictionary<string, string[]>();
        foreach (var exchange in _stage.Poison.Planted.Select(p => p.Exchange).Distinct())
        {
            var bindings = await _stage.Cluster.Vhost.GetAsync($"exchanges/{exchange}/bindings/source");
            queuesOf[exchange] =
            [
                .. bindings.EnumerateArray().Select(b => b.GetProperty("destination").GetString()!).Where(d => ServiceNames.Contains(d.Split('.')[0])),
            ];
        }

        return new Verdict(
            "poison",
            "Everything planted as poison is among the dead letters of every queue it was put into",
            _stage.Poison.Planted.Count,
            [.. from p in _stage.Poison.Planted
                from queue in queuesOf[p.Exchange]
                where !dead.Contains((p.Id, queue))
                select $"{p.Id}, put into {queue}, has left no trace"]);
    }

    private async Task<Verdict> CausationIsConnectedAsync()
    {
        var loose = await _stage.RowsAsync(
            "orders",
            """
            SELECT subject FROM messaging.boundary_events WHERE type LIKE 'shop.order.%'
            GROUP BY subject HAVING count(DISTINCT headers ->> 'cloudEvents_correlationid') <> 1 OR bool_or(headers ->> 'cloudEvents_correlationid' IS NULL)
            """,
            r => r.GetString(0));

        // A cancellation is a request of its own and brings its own correlation, and so does the timer that releases what nobody claimed.
        var own = _market.Placed.Where(o => o.Kind is OrderKind.CancelledInFlight or OrderKind.OwnerDeactivated or OrderKind.OwnerErased)
            .Select(o => o.Id.ToString())
            .ToHashSet();
        own.UnionWith(_ordersOfStrangers.Select(o => o.ToString()));
        own.UnionWith(await _stage.RowsAsync("inventory", "SELECT order_id::text FROM reservations WHERE reason LIKE 'Expired:%'", r => r.GetString(0)));
        return new Verdict(
            "correlation",
            "Every event of an order carries the correlation of the request that placed it",
            _orders.Count,
            [.. loose.Where(s => !own.Contains(s)).Select(s => $"order {s}")]);
    }

    /// <summary>What was planted says so in its id, or, where the id is what is odd about it, in its body or in a header.</summary>
    private async Task<IReadOnlyList<(string Id, string Queue, string Reason, string What, bool IsPlanted)>> DeadAsync()
    {
        var dead = new List<(string Id, string Queue, string Reason, string What, bool IsPlanted)>();
        foreach (var service in ServiceNames)
        {
            dead.AddRange(await _stage.RowsAsync(
                service,
                $"""
                SELECT message_id, queue, reason, coalesce(exception_message, message_type),
                    message_id LIKE '{PoisonKit.MarkPrefix}%' OR headers::text LIKE '%{PoisonKit.MarkPrefix}%'
                        OR position('{PoisonKit.MarkPrefix}'::bytea IN body) > 0
                FROM messaging.dead_letters WHERE status = 'open'
                """,
                r => (r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetBoolean(4))));
        }

        return dead;
    }
}
