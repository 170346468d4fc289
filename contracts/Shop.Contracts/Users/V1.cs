using System.ComponentModel.DataAnnotations;
using Contracts.Events;

namespace Shop.Contracts.Users.V1;

/// <summary>Somebody has an account now.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Email">Where mail goes.</param>
/// <param name="FullName">How to address the person.</param>
/// <param name="Source">Where the registration came from, for example <c>web</c>.</param>
/// <param name="RegisteredAt">When it happened.</param>
/// <param name="Locale">Preferred language as a BCP 47 tag.</param>
/// <param name="EmailVerified"><c>false</c> when nothing is to be mailed there before <c>shop.user.email-verified.v1</c>; left out otherwise.</param>
[BoundaryEvent("shop.user.registered.v1", nameof(UserId))]
public sealed record UserRegistered(
    Guid UserId,
    [MinLength(3), PersonalData] string Email,
    [MinLength(1), PersonalData] string FullName,
    [MinLength(1)] string Source,
    DateTimeOffset RegisteredAt,
    [MinLength(1), PersonalData] string? Locale = null,
    bool? EmailVerified = null);

/// <summary>The address that somebody registered with is theirs: they have followed a link that was mailed there.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Email">The address.</param>
/// <param name="VerifiedAt">When it happened.</param>
[BoundaryEvent("shop.user.email-verified.v1", nameof(UserId))]
public sealed record UserEmailVerified(Guid UserId, [MinLength(3), PersonalData] string Email, DateTimeOffset VerifiedAt);

/// <summary>The profile changed; the e-mail address has an event of its own.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Changes">At least one.</param>
/// <param name="UpdatedAt">When it changed.</param>
[BoundaryEvent("shop.user.profile-updated.v1", nameof(UserId))]
public sealed record UserProfileUpdated(Guid UserId, [MinLength(1)] IReadOnlyList<FieldChange> Changes, DateTimeOffset UpdatedAt);

/// <summary>One field of a profile before and after.</summary>
/// <param name="Field">Name of the field as in the HTTP interface, for example <c>fullName</c>.</param>
/// <param name="OldValue">Left out when there was none.</param>
/// <param name="NewValue">Left out when there is none any longer.</param>
public sealed record FieldChange([MinLength(1)] string Field, [PersonalData] string? OldValue = null, [PersonalData] string? NewValue = null);

/// <summary>Mail goes to another address from now on.</summary>
/// <param name="UserId">The user.</param>
/// <param name="OldEmail">Where mail went until now; it is told of the change.</param>
/// <param name="NewEmail">Where mail goes from now on.</param>
/// <param name="ChangedAt">When it changed.</param>
/// <param name="OldEmailVerified"><c>false</c> when nobody has shown the old address to be theirs, so that nothing is mailed there; left out otherwise.</param>
[BoundaryEvent("shop.user.email-changed.v1", nameof(UserId))]
public sealed record UserEmailChanged(
    Guid UserId,
    [MinLength(3), PersonalData] string OldEmail,
    [MinLength(3), PersonalData] string NewEmail,
    DateTimeOffset ChangedAt,
    bool? OldEmailVerified = null);

/// <summary>The account is closed for now: no token, no new orders; open orders are cancelled.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="DeactivatedAt">When it happened.</param>
[BoundaryEvent("shop.user.deactivated.v1", nameof(UserId))]
public sealed record UserDeactivated(Guid UserId, [PersonalData] string Reason, DateTimeOffset DeactivatedAt);

/// <summary>The account is open again.</summary>
/// <param name="UserId">The user.</param>
/// <param name="ReactivatedAt">When it happened.</param>
[BoundaryEvent("shop.user.reactivated.v1", nameof(UserId))]
public sealed record UserReactivated(Guid UserId, DateTimeOffset ReactivatedAt);

/// <summary>The person asked to be forgotten: every consumer removes what it holds of them.</summary>
/// <param name="UserId">The user.</param>
/// <param name="ErasedAt">When it happened.</param>
[BoundaryEvent("shop.user.erased.v1", nameof(UserId))]
public sealed record UserErased(Guid UserId, DateTimeOffset ErasedAt);

/// <summary>Every session of a user that is open has ended: whoever accepts tokens refuses those of earlier sessions from now on.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Epoch">Counts how often that has happened. A token whose <c>session_epoch</c> is smaller belongs to a session that has ended.</param>
/// <param name="Reason">
/// Why: <c>password_changed</c>, <c>email_changed</c>, <c>role_changed</c>, <c>second_factor_added</c>, <c>second_factor_removed</c>, <c>deactivated</c> or
/// <c>erased</c>; more may follow.
/// </param>
/// <param name="EndedAt">When it happened.</param>
[BoundaryEvent("shop.user.sessions-ended.v1", nameof(UserId))]
public sealed record UserSessionsEnded(Guid UserId, [Range(1, int.MaxValue)] int Epoch, [MinLength(1)] string Reason, DateTimeOffset EndedAt);

/// <summary>
/// One session of a user has ended: by signing out, or because its refresh token was used twice. Whoever accepts tokens refuses those of this session from now
/// on.
/// </summary>
/// <param name="UserId">The user.</param>
/// <param name="SessionId">The session, as its tokens name it in <c>sid</c>.</param>
/// <param name="EndedAt">When it happened.</param>
[BoundaryEvent("shop.user.session-ended.v1", nameof(UserId))]
public sealed record UserSessionEnded(Guid UserId, Guid SessionId, DateTimeOffset EndedAt);
