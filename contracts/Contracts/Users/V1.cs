namespace Shop.Contracts.Users.V1;

[BoundaryEvent("shop.user.registered.v1", nameof(UserId))]
public sealed record UserRegistered(Guid UserId, string Email, string FullName, string Source, DateTimeOffset RegisteredAt, string? Locale = null);

[BoundaryEvent("shop.user.profile-updated.v1", nameof(UserId))]
public sealed record UserProfileUpdated(Guid UserId, IReadOnlyList<FieldChange> Changes, DateTimeOffset UpdatedAt);

public sealed record FieldChange(string Field, string? OldValue = null, string? NewValue = null);

[BoundaryEvent("shop.user.email-changed.v1", nameof(UserId))]
public sealed record UserEmailChanged(Guid UserId, string OldEmail, string NewEmail, DateTimeOffset ChangedAt);

[BoundaryEvent("shop.user.deactivated.v1", nameof(UserId))]
public sealed record UserDeactivated(Guid UserId, string Reason, DateTimeOffset DeactivatedAt);

[BoundaryEvent("shop.user.reactivated.v1", nameof(UserId))]
public sealed record UserReactivated(Guid UserId, DateTimeOffset ReactivatedAt);

/// <summary>The person asked to be forgotten: every consumer removes what it holds of them.</summary>
[BoundaryEvent("shop.user.erased.v1", nameof(UserId))]
public sealed record UserErased(Guid UserId, DateTimeOffset ErasedAt);
