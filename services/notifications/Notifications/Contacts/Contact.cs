namespace Notifications.Contacts;

/// <summary>Whom to write to: the service's own copy, kept from users' events.</summary>
public sealed class Contact
{
    public Guid UserId { get; init; }

    public string? TenantId { get; init; }

    public string? Email { get; init; }

    public string? FullName { get; init; }

    public string? Locale { get; init; }

    public bool Active { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Set on the tombstone of somebody who asked to be forgotten.</summary>
    public DateTimeOffset? ErasedAt { get; init; }
}

/// <summary>Which mails a user does not want.</summary>
public sealed class NotificationPreferences
{
    public Guid UserId { get; init; }

    /// <summary>Names of templates.</summary>
    public string[] SwitchedOff { get; set; } = [];

    public long Version { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
