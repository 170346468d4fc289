namespace Notifications.Mails;

public enum MailStatus
{
    Pending,
    Sent,
    Failed,
    Suppressed,
}

/// <summary>One mail to one audience because of one cause: the list of notifications and the senders' queue in one row.</summary>
public sealed class Mail
{
    public Guid Id { get; init; }

    /// <summary>What can make this mail only once: the event, or the order or user that it can happen to only once.</summary>
    public required string Cause { get; init; }

    public required string EventId { get; init; }

    public required string EventType { get; init; }

    public required string Template { get; init; }

    public required string Audience { get; init; }

    public Guid? UserId { get; init; }

    public Guid? OrderId { get; init; }

    public string? TenantId { get; init; }

    public string? Recipient { get; init; }

    public string? Locale { get; init; }

    /// <summary>The event's data; empty after an erasure.</summary>
    public required string Data { get; init; }

    public MailStatus Status { get; init; }

    public int Attempts { get; init; }

    public DateTimeOffset DueAt { get; init; }

    public string? LastError { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>W3C trace context of whoever asked for it.</summary>
    public string? TraceParent { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }
}

/// <summary>For whom a mail about an event is; part of what makes it one mail.</summary>
public static class Audiences
{
    public const string Customer = "customer";
    public const string PreviousAddress = "previous-address";
    public const string Operators = "operators";
}
