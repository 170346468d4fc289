using Shop.Chaos.Faults;
using Shop.Chaos.Load;

namespace Shop.Chaos.Invariants;

/// <summary>What is promised to people and partners: mails and webhooks.</summary>
public sealed partial class Oracle
{
    /// <summary>What one replica of notifications sends at the same time: <c>Mail__Concurrency</c>.</summary>
    private const int MailsAtATime = 4;

    // Sent, or given up because the mail server did not say whether it took it: it did.
    private static readonly string Ended = $"(status = 'sent' OR (status = 'failed' AND unconfirmed = {Stage.UnconfirmedMails - 1}))";

    private Verdict MailsGoOnce()
    {
        // Of which the mail server has said that it took it, and what came although, or more often than, is promised where it did not say so.
        var sent = _stage.Mails.Mails.GroupBy(m => (m.MessageId, m.Recipient)).ToArray();
        var twice = sent.Where(
            m => m.SkipWhile(copy => !copy.IsConfirmed).Count() > 1 || m.TakeWhile(copy => !copy.IsConfirmed).Count() > Stage.UnconfirmedMails)
            .Select(m => $"{m.Key.MessageId} to {m.Key.Recipient}: {m.Count()} times").ToArray();

        // The documented window: the mail server has taken the mail and the sender is killed before it can note that, once for each mail it sends at a time.
        var kills = _faults.Where(f => f.Target.Contains("notifications", StringComparison.Ordinal)).Sum(
            f => f.Kind switch { "kill -9" or Arsenal.KillOneOfEach => 1, Arsenal.KillBothTwice => 4, _ => 0 });
        var window = kills * MailsAtATime;
        return new Verdict(
            "mails-once",
            $"Each mail goes once, by Message-ID ({twice.Length} repeated, in the documented window of {kills} kills)",
            _stage.Mails.Mails.Count,
            twice.Length <= window ? [] : twice);
    }

    private async Task<Verdict> SentMailsArriveAsync()
    {
        var mails = await _stage.RowsAsync(
            "notifications",
            "SELECT CASE WHEN event_id ~ '^[A-Za-z0-9._-]{1,100}$' THEN event_id ELSE encode(sha256(convert_to(event_id, 'UTF8')), 'hex') END || '.' || template || CASE audience WHEN 'previous-address' THEN '.previous-address' ELSE '' END, status FROM mails",
            r => (Id: r.GetString(0), Status: r.GetString(1)));
        var known = mails.Select(m => m.Id).ToHashSet();
        var arrived = _stage.Mails.Mails.Select(m => m.MessageId.Trim('<', '>').Split('@')[0]).ToHashSet();
        return new Verdict(
            "mail-ids",
            "Every mail noted as sent has arrived, under the Message-ID of its event and template and no other",
            mails.Count,
            [.. mails.Where(m => m.Status == "sent" && !arrived.Contains(m.Id)).Select(m => $"{m.Id} is noted as sent and did not arrive"),
             .. arrived.Where(id => !known.Contains(id)).Select(id => $"a mail came under the Message-ID {id}")]);
    }

    private async Task<Verdict> EveryOrderHasItsMailsAsync()
    {
        var mails = await _stage.RowsAsync(
            "notifications", $"SELECT order_id, template FROM mails WHERE {Ended} AND order_id IS NOT NULL", r => (r.GetGuid(0), r.GetString(1)));
        var of = mails.ToLookup(m => m.Item1, m => m.Item2);
        return new Verdict(
            "mails",
            "Every order that ended has exactly the mails of its way",
            _orders.Count,
            [.. from o in _market.Placed
                where _orders.ContainsKey(o.Id) && o.Kind is not (OrderKind.OwnerDeactivated or OrderKind.OwnerErased)
                let order = _orders[o.Id]
                let expected = (Has(order, "confirmedAt") ? 1 : 0)
                    + (Has(order, "shippedAt") ? 1 : 0)
                    + (Has(order, "cancelledAt") ? 1 : 0)
                    + (Has(order, "failedAt") ? 1 : 0)
                let actual = of[o.Id].Count()
                where actual != expected
                select $"order {o.Id} ({StatusOf(o)}) has {actual} mails instead of {expected}: {string.Join(", ", of[o.Id])}"]);
    }

    private async Task<Verdict> EverybodyIsWelcomedAsync()
    {
        var welcomed = await _stage.RowsAsync(
            "notifications", $"SELECT recipient FROM mails WHERE {Ended} AND template = 'welcome' AND recipient IS NOT NULL", r => r.GetString(0));
        return new Verdict(
            "welcome",
            "Everybody who registered was welcomed once",
            _market.Registered.Count,
            [.. from email in _market.Registered
                let times = welcomed.Count(w => w == email)
                where times != 1
                select $"{email} was welcomed {times} times"]);
    }

    private Verdict WebhooksAreStable() => new(
        "webhooks-stable",
        "Each webhook keeps its id and its body on every attempt and is signed rightly",
        _stage.Webhooks.Attempts.Count,
        [.. _stage.Webhooks.Attempts.Where(a => !a.IsSigned).Select(a => $"{a.Endpoint} {a.Id}: the signature is wrong"),
         .. _stage.Webhooks.Attempts.GroupBy(a => (a.Endpoint, a.Id))
             .Where(g => g.Select(a => a.BodyHash).Distinct().Count() > 1)
             .Select(g => $"{g.Key}: the body changed")]);

    private Verdict WebhooksArrive()
    {
        var arrived = ArrivedAt(Stage.SteadyEndpoint);
        return new Verdict(
            "webhooks-arrive",
            "Each webhook arrives at least once at a receiver that works",
            _published.Count,
            [.. _published.Where(id => !arrived.Contains(id)).Select(id => $"event {id} did not arrive")]);
    }

    private async Task<Verdict> WebhooksAreKeptAsync()
    {
        var deliveries = await _stage.RowsAsync(
            "notifications",
            $"SELECT d.event_id, d.status FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE w.url LIKE '%/{Stage.FlakyEndpoint}'",
            r => (Id: r.GetString(0), Status: r.GetString(1)));
        var statusOf = deliveries.ToDictionary(d => d.Id, d => d.Status);
        var arrived = ArrivedAt(Stage.FlakyEndpoint);
        return new Verdict(
            "webhooks-kept",
            "A webhook that failed has arrived since or is still to be tried",
            _published.Count,
            [.. from id in _published
                let status = statusOf.GetValueOrDefault(id, "not there")
                where status != "pending" && !arrived.Contains(id)
                select $"event {id} did not arrive and its delivery is {status}"]);
    }

    private HashSet<string> ArrivedAt(string endpoint) => [.. _stage.Webhooks.Attempts.Where(a => a.Endpoint == endpoint && a.Accepted).Select(a => a.Id)];
}
