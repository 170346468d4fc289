namespace Users.Persistence;

/// <summary>A user's data key, wrapped with the master secret.</summary>
public sealed class UserKey
{
    public required Guid UserId { get; init; }

    public required byte[] WrappedKey { get; init; }
}

/// <summary>One core event as stored.</summary>
public sealed class HistoryEntry
{
    public required Guid EventId { get; init; }

    public required Guid UserId { get; init; }

    public required string? TenantId { get; init; }

    public required long Version { get; init; }

    public required string EventType { get; init; }

    public required int EventVersion { get; init; }

    /// <summary>The open values, as JSON.</summary>
    public required string Payload { get; init; }

    /// <summary>The personal values, sealed.</summary>
    public required byte[]? Personal { get; init; }

    public required string Metadata { get; init; }

    public required DateTimeOffset OccurredAt { get; init; }
}

/// <summary>A row of the user list.</summary>
public sealed class ListEntry
{
    public required Guid Id { get; init; }

    public required string? TenantId { get; init; }

    public required string Email { get; set; }

    public required bool EmailVerified { get; set; }

    public required string FullName { get; set; }

    /// <summary>What a search looks into, in lower case.</summary>
    public required string SearchText { get; set; }

    public required string Status { get; set; }

    public required string Role { get; set; }

    public required string Source { get; init; }

    public required DateTimeOffset RegisteredAt { get; init; }

    public required long Version { get; set; }
}

/// <summary>One ticket. The database knows only its hash.</summary>
public sealed class AccountTicket
{
    public required byte[] TicketHash { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>One of <see cref="Shop.Contracts.Users.V1.AccountLinks"/>.</summary>
    public required string Purpose { get; init; }

    /// <summary>The address that it is about; null when that of the account is.</summary>
    public string? Email { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>A key pair on P-256 as stored.</summary>
public sealed class SigningKey
{
    /// <summary>Thumbprint of the public key (RFC 7638).</summary>
    public required string KeyId { get; init; }

    public required byte[] X { get; init; }

    public required byte[] Y { get; init; }

    /// <summary>PKCS#8, wrapped with the master secret.</summary>
    public required byte[] PrivateKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Until then it is only published.</summary>
    public required DateTimeOffset SignsFrom { get; init; }
}
