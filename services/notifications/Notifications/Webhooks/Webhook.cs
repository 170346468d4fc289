namespace Notifications.Webhooks;

public enum WebhookStatus
{
    Active,
    Disabled,
}

/// <summary>A partner's endpoint and what it wants to hear of.</summary>
public sealed class Webhook
{
    public Guid Id { get; init; }

    /// <summary>Whose events it gets; null for those of the whole installation.</summary>
    public string? TenantId { get; init; }

    public required string Url { get; set; }

    public required string[] EventTypes { get; set; }

    public string? Description { get; set; }

    public WebhookStatus Status { get; set; }

    public string? DisabledReason { get; set; }

    public DateTimeOffset? DisabledAt { get; set; }

    public int ConsecutiveFailures { get; set; }

    public DateTimeOffset? FailingSince { get; set; }

    /// <summary>Nothing is tried before, because the circuit is open or the endpoint asked for a pause.</summary>
    public DateTimeOffset? PausedUntil { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; set; }

    public long Version { get; set; }
}

public sealed class WebhookSecret
{
    public Guid Id { get; init; }

    public Guid WebhookId { get; init; }

    /// <summary>As <see cref="SecretVault"/> keeps it.</summary>
    public required string Secret { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>End of the overlap after a rotation; null for the secret that is valid until further notice.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }
}

/// <summary>What is sent, byte for byte.</summary>
public sealed class WebhookEvent
{
    public required string EventId { get; init; }

    public required string EventType { get; init; }

    public string? Subject { get; init; }

    public required byte[] Body { get; init; }

    public DateTimeOffset ReceivedAt { get; init; }
}

public enum DeliveryStatus
{
    Pending,
    Succeeded,
    Failed,

    /// <summary>The webhook was disabled, or the person that the event is about was erased, before it could be delivered.</summary>
    Cancelled,
}

/// <summary>One event for one webhook.</summary>
public sealed class WebhookDelivery
{
    public Guid Id { get; init; }

    public Guid WebhookId { get; init; }

    public required string EventId { get; init; }

    public DeliveryStatus Status { get; set; }

    /// <summary>Attempts since the delivery began or was asked for again: the position in the schedule.</summary>
    public int Step { get; set; }

    public int Attempts { get; set; }

    public DateTimeOffset DueAt { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>W3C trace context of whoever told of the event.</summary>
    public string? TraceParent { get; init; }

    public DateTimeOffset? CompletedAt { get; set; }
}

public sealed class WebhookAttempt
{
    public Guid Id { get; init; }

    public Guid DeliveryId { get; init; }

    public Guid WebhookId { get; init; }

    public int Number { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public double LatencyMs { get; init; }

    public int? StatusCode { get; init; }

    public string? Error { get; init; }

    public string? ResponseExcerpt { get; init; }
}

/// <summary>Data of the mail that tells operators of a webhook that was switched off.</summary>
internal sealed record WebhookDisabled(Guid WebhookId, string Url, string Reason, DateTimeOffset DisabledAt);
