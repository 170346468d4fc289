using System.Globalization;
using ShopConsole.Layout;

namespace ShopConsole.Pages.Orders;

public enum Tone
{
    Plain,
    Good,
    Bad,

    /// <summary>It has not happened yet.</summary>
    Waits,
}

/// <summary>One thing on the time axis.</summary>
/// <param name="At">When it happened, or is due.</param>
/// <param name="Lane">Whose it is: events, saga, payment, stock, mail, webhook, trouble, or to come.</param>
/// <param name="Title">What, in a few words.</param>
/// <param name="Detail">What more is known.</param>
/// <param name="Tone">How it went.</param>
/// <param name="Link">Where more of it is.</param>
public sealed record Happening(DateTimeOffset At, string Lane, string Title, string? Detail = null, Tone Tone = Tone.Plain, string? Link = null);

/// <summary>What the order's file says, as one story on one axis.</summary>
internal static class OrderStory
{
    public const string Events = "events", Saga = "saga", Payment = "payment", Stock = "stock", Mail = "mail", Webhook = "webhook", Trouble = "trouble";

    /// <summary>Lanes from top to bottom.</summary>
    public static readonly IReadOnlyList<string> Lanes = [Events, Saga, Payment, Stock, Mail, Webhook, Trouble];

    /// <param name="file">Of the order.</param>
    /// <param name="now">Where what waits stands on the axis.</param>
    public static IReadOnlyList<Happening> Of(OrderFile file, DateTimeOffset now) =>
    [
        .. file.Events.Select(OfEvent)
            .Concat(file.Fulfilment?.Steps.SelectMany(OfStep) ?? [])
            .Concat(file.Payments.SelectMany(p => OfPayment(p, now)))
            .Concat(file.Reservation is { } reservation ? OfReservation(reservation) : [])
            .Concat(file.Shipments.SelectMany(OfShipment))
            .Concat(file.Mails.SelectMany(OfMail))
            .Concat(file.Deliveries.SelectMany(OfDelivery))
            .Concat(file.Letters.Select(l => OfLetter(l.Service, l.Letter)))
            .Concat(file.Timers.Select(t => OfTimer(t.Service, t.Timer)))
            .Concat(file.Outbox.Select(o => OfOutbox(o.Service, o.Row)))
            .OrderBy(h => h.At),
    ];

    /// <summary>What a person wants to know first: how the order stands, why, and what was given back.</summary>
    public static IEnumerable<string> InShort(OrderFile file)
    {
        if (file.Order.Reason is { } reason)
        {
            var (word, rest) = reason.Split(':', 2) is [var w, var r] ? (w, r.Trim()) : (reason, "");
            yield return word switch
            {
                "out_of_stock" => $"It failed since there was too little in stock: {rest}.",
                "payment_declined" => $"It failed since the payment was declined: {rest}.",
                "timed_out" => $"It failed since an answer did not come in time: {rest}.",
                _ => file.Order.Status == "cancelled" ? $"It was cancelled: {reason}." : $"The reason given: {reason}.",
            };
        }

        if (file.Fulfilment is { Awaiting: { } partner } waiting)
        {
            yield return waiting.DeadlineAt is { } until
                ? $"It waits for {partner}, until {until.UtcDateTime.ToString("HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)}; then it asks again or gives up."
                : $"It waits for {partner}.";
        }

        if (file.Reservation is { Status: "released" or "expired", EndedAt: not null } given)
        {
            yield return $"Given back to the stock: {string.Join(", ", given.Items.Select(i => $"{i.Quantity} × {i.Sku}"))}.";
        }

        foreach (var payment in file.Payments)
        {
            switch (payment.Status)
            {
                case "refunded":
                    yield return $"Given back to the customer: {payment.Amount}.";
                    break;
                case "voided":
                    yield return $"The authorization of {payment.Amount} was voided: nothing was taken.";
                    break;
                case "declined":
                    yield return $"Nothing was taken: the payment of {payment.Amount} was declined{(payment.DeclineCode is null ? "" : $" ({payment.DeclineCode})")}.";
                    break;
            }
        }
    }

    private static Happening OfEvent(OrderEventData e) => new(
        e.OccurredAt,
        Events,
        Words.Spaced(e.EventType[(e.EventType.LastIndexOf('.') + 1)..]),
        $"version {e.Version}",
        e.EventType switch
        {
            var t when t.EndsWith("failed", StringComparison.OrdinalIgnoreCase) || t.EndsWith("cancelled", StringComparison.OrdinalIgnoreCase) => Tone.Bad,
            var t when t.EndsWith("completed", StringComparison.OrdinalIgnoreCase) => Tone.Good,
            _ => Tone.Plain,
        },
        $"?asOf={e.Version}");

    private static IEnumerable<Happening> OfStep(StepData step)
    {
        var name = Words.Spaced(step.Step);
        yield return new Happening(step.Started, Saga, name, step.Attempt > 1 ? $"asked for the {step.Attempt}. time" : null);
        if (step.Ended is { } ended)
        {
            yield return new Happening(
                ended, Saga, $"{name}: {step.Outcome}", $"after {Words.Of(ended - step.Started)}{(step.Attempt > 1 ? $", attempt {step.Attempt}" : "")}", ToneOf(step.Outcome));
        }
    }

    private static Tone ToneOf(string? outcome) => outcome switch
    {
        "reserved" or "authorized" or "dispatched" or "captured" or "released" or "voided" or "refunded" => Tone.Good,
        "refused" or "declined" or "expired" or "timed out" or "stock expired" => Tone.Bad,
        _ => Tone.Plain,
    };

    private static IEnumerable<Happening> OfPayment(PaymentData payment, DateTimeOffset now)
    {
        var detail = $"{payment.Amount}, {payment.PaymentMethod}, key {payment.Id}{(payment.ProviderReference is null ? "" : $", at the provider {payment.ProviderReference}")}";
        yield return new Happening(payment.CreatedAt, Payment, "payment wanted", detail, Link: $"/money?q={payment.Id}");
        foreach (var (at, what, tone) in ((DateTimeOffset?, string, Tone)[])
        [
            (payment.AuthorizedAt, "authorized", Tone.Good), (payment.CapturedAt, "captured", Tone.Good),
            (payment.DeclinedAt, $"declined{(payment.DeclineCode is null ? "" : $": {payment.DeclineCode}")}", Tone.Bad),
            (payment.VoidedAt, "voided", Tone.Plain), (payment.RefundedAt, "refunded", Tone.Plain),
        ])
        {
            if (at is { } time)
            {
                yield return new Happening(time, Payment, what, detail, tone);
            }
        }

        if (payment.Pending is { } pending)
        {
            yield return new Happening(now, Payment, $"waits: {pending}", payment.WaitsFor ?? "The provider has not said how it ended.", Tone.Waits, "/money");
        }
    }

    private static IEnumerable<Happening> OfReservation(ReservationData reservation)
    {
        var items = string.Join(", ", reservation.Items.Select(i => $"{i.Quantity} × {i.Sku}"));
        if (reservation.ReservedAt is { } reserved)
        {
            yield return new Happening(reserved, Stock, "reserved", items, Tone.Good);
        }

        foreach (var shortage in reservation.Shortages)
        {
            yield return new Happening(
                reservation.CreatedAt, Stock, $"too little {shortage.Sku}", $"{shortage.Requested} wanted, {shortage.Available} there", Tone.Bad, $"/stock/{Uri.EscapeDataString(shortage.Sku)}");
        }

        if (reservation.EndedAt is { } ended)
        {
            yield return new Happening(ended, Stock, $"reservation {reservation.Status}", reservation.Reason ?? items);
        }
        else if (reservation.ExpiresAt is { } expires)
        {
            yield return new Happening(expires, Stock, "reservation would expire", items, Tone.Waits);
        }
    }

    private static IEnumerable<Happening> OfShipment(ShipmentData shipment)
    {
        yield return new Happening(shipment.CreatedAt, Stock, "shipment made", $"{shipment.Items.Sum(i => i.Quantity)} pieces");
        if (shipment.DispatchedAt is { } dispatched)
        {
            yield return new Happening(dispatched, Stock, "dispatched", $"{shipment.Carrier} {shipment.TrackingNumber}", Tone.Good);
        }

        if (shipment.CancelledAt is { } cancelled)
        {
            yield return new Happening(cancelled, Stock, "shipment cancelled");
        }
    }

    private static IEnumerable<Happening> OfMail(MailData mail)
    {
        var (title, detail) = ($"mail {mail.Template}", $"to {mail.Recipient ?? "nobody"}, {Words.Count(mail.Attempts, "attempt")}{(mail.Error is null ? "" : $": {mail.Error}")}");
        yield return mail.Status switch
        {
            "sent" => new Happening(mail.SentAt ?? mail.CreatedAt, Mail, $"{title} sent", detail, Tone.Good),
            "failed" => new Happening(mail.CompletedAt ?? mail.CreatedAt, Mail, $"{title} given up", detail, Tone.Bad),
            "suppressed" => new Happening(mail.CompletedAt ?? mail.CreatedAt, Mail, $"{title} not wanted", detail),
            _ => new Happening(mail.NextAttemptAt ?? mail.CreatedAt, Mail, $"{title} waits", detail, Tone.Waits),
        };
    }

    private static IEnumerable<Happening> OfDelivery(DeliveryData delivery)
    {
        var link = delivery.WebhookId is { } webhook ? $"/webhooks/{webhook}/deliveries/{delivery.Id}" : null;
        foreach (var attempt in delivery.Attempts ?? [])
        {
            var isDone = attempt.Status is >= 200 and <= 299;
            yield return new Happening(
                attempt.At, Webhook, $"{delivery.EventType}: {attempt.Status?.ToString(CultureInfo.InvariantCulture) ?? "no answer"}",
                $"attempt {attempt.Number}, {Words.Of(TimeSpan.FromMilliseconds(attempt.LatencyMs))}{(attempt.Error is null ? "" : $": {attempt.Error}")}",
                isDone ? Tone.Good : Tone.Bad, link);
        }

        if (delivery.NextAttemptAt is { } next && delivery.CompletedAt is null)
        {
            yield return new Happening(next, Webhook, $"{delivery.EventType}: next attempt", null, Tone.Waits, link);
        }
    }

    private static Happening OfLetter(string service, LetterData letter) => new(
        letter.FailedAt, Trouble, $"{Words.Message(letter.Type)} failed in {letter.Queue}", letter.ExceptionMessage ?? letter.Reason, letter.Status == "open" ? Tone.Bad : Tone.Plain,
        $"/failed/{service}/{letter.Id}");

    private static Happening OfTimer(string service, TimerData timer) => new(
        timer.DueAt, Saga, $"timer {Words.Message(timer.Type)}", $"of {service}, for {timer.Destination}", Tone.Waits, "/outbox");

    private static Happening OfOutbox(string service, OutboxData row) => new(
        row.DueAt ?? row.CreatedAt, row.State == "parked" ? Trouble : Events, $"{Words.Message(row.Type)} waits to be sent", $"{service}: {Words.Count(row.Attempts, "attempt")}{(row.LastError is null ? "" : $", {row.LastError}")}",
        row.State == "parked" ? Tone.Bad : Tone.Waits, "/outbox");
}
