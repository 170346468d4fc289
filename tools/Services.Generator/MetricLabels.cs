namespace Services.Generator;

/// <param name="Name">As instruments have it.</param>
/// <param name="Values">What it can be.</param>
/// <param name="AtMost">How many values one service gives it.</param>
public sealed record MetricLabel(string Name, string Values, int AtMost);

/// <summary>
/// The labels that instruments may have. Every value of a label is a series of its own, and so each has an end: no id, no address and no name of a person, and
/// nothing that somebody outside can make up without bound.
/// </summary>
public static class MetricLabels
{
    public static IReadOnlyList<MetricLabel> All { get; } =
    [
        new("check", "A part of the service's readiness.", 7),
        new("cloudevents.event_type", "A type of the contracts.", 60),
        new("copy", "`products`, `users`.", 2),
        new("error.type", "The full name of an exception's type: the first 50 that a process meets, and `other`.", 51),
        new("messaging.destination.name", "A queue of the service.", 12),
        new("messaging.operation.name", "`process`.", 1),
        new("messaging.system", "`rabbitmq`.", 1),
        new("operation", "`authorize`, `capture`, `void`, `refund`.", 4),
        new(
            "outcome",
            "Orders: `completed`, `failed`, `cancelled`. Payments: `created`, `pending`, `approved`, `declined`, `unknown`. Sign-ins: `succeeded`, `refused`, "
            + "`incomplete`, `throttled`. Reservations: `reserved`, `failed`, `released`. Mails: `sent`, `failed`, `suppressed`. Attempts of webhooks: "
            + "`delivered`, `failed`. Deliveries of webhooks: `succeeded`, `failed`, `cancelled`. Retries of dead letters: `sent`, `consumed`, `failed`.",
            8),
        new("projection", "A projection of the service.", 10),
        new(
            "reason",
            "Failed: `out_of_stock`, `payment_declined`, `timed_out`, and `other` for a word that is new. Cancelled: `requested`, `user_deactivated`, "
            + "`user_erased`.",
            7),
        new("state", "A state of the fulfilment in which it waits.", 13),
        new("table", "`messaging.inbox`, `messaging.boundary_events`, `event_store.events`.", 3),
        new("template", "A mail.", 17),
        new("tenant", "The first 50 that a process meets, and `other`. Empty without one, which Prometheus takes for no label.", 52),
    ];
}
