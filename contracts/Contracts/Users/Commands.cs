using System.ComponentModel.DataAnnotations;

namespace Shop.Contracts.Users.V1;

// Goes point to point to Queues.NotificationsCommands, and never into the archive: what it carries is for one person, and for half an hour.

/// <summary>Send a link with which somebody who has forgotten the password sets another one. Idempotent by message id; nothing answers it.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Email">Where to: the address of the account at this moment, which is not told otherwise by an event that is still under way.</param>
/// <param name="Link">The link. Whoever has it may set the password, once.</param>
/// <param name="ExpiresAt">Until when it works.</param>
[SentBy("users")]
public sealed record SendPasswordResetLink(Guid UserId, [MinLength(3), PersonalData] string Email, [MinLength(1), PersonalData] string Link, DateTimeOffset ExpiresAt);
