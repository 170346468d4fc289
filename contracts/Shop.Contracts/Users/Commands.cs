using System.ComponentModel.DataAnnotations;
using Contracts.Events;

namespace Shop.Contracts.Users.V1;

// Goes point to point to Queues.NotificationsCommands, and never into the archive: what it carries is for one person, and for a short time.

/// <summary>Send a link with which its reader does one thing to an account. Idempotent by message id; nothing answers it.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Email">Where to: told here and not by an event, which may still be under way.</param>
/// <param name="Purpose">What the link does: one of <see cref="AccountLinks"/>.</param>
/// <param name="Link">The link. Whoever has it may do that, once.</param>
/// <param name="ExpiresAt">Until when it works.</param>
[SentBy("users")]
public sealed record SendAccountLink(
    Guid UserId, [MinLength(3), PersonalData] string Email, [MinLength(1)] string Purpose, [MinLength(1), PersonalData] string Link, DateTimeOffset ExpiresAt);

/// <summary>What links in mails to the owner of an account do.</summary>
public static class AccountLinks
{
    /// <summary>Sets another password.</summary>
    public const string ResetPassword = "reset-password";

    /// <summary>Shows that the address of the account is its owner's.</summary>
    public const string VerifyEmail = "verify-email";

    /// <summary>Shows that an address is its owner's, who signs in with it from then on; goes to that address.</summary>
    public const string ConfirmEmail = "confirm-email";

    /// <summary>Gives the account back to the address that it had before, with another password; goes to the address of before.</summary>
    public const string UndoEmailChange = "undo-email-change";
}
