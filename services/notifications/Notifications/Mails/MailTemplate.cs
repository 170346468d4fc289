using Notifications.Webhooks;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Notifications.Mails;

/// <summary>A kind of mail that the service sends.</summary>
/// <param name="Name">Name of its files, and in the list of notifications.</param>
/// <param name="IsSecurity">Whether it tells the owner of an account what happened to it: such a mail cannot be switched off.</param>
/// <param name="Sample">An event that it tells of, or a command that asks for it, with every value that may be missing.</param>
public sealed record MailTemplate(string Name, bool IsSecurity, object Sample)
{
    public const string Welcome = "welcome";
    public const string EmailChanged = "email-changed";
    public const string PasswordChanged = "password-changed";
    public const string RoleChanged = "role-changed";
    public const string SecondFactorAdded = "second-factor-added";
    public const string SecondFactorRemoved = "second-factor-removed";
    public const string PasswordReset = "password-reset";
    public const string EmailVerification = "email-verification";
    public const string EmailConfirmation = "email-confirmation";
    public const string EmailChangeUndo = "email-change-undo";
    public const string AccountDeactivated = "account-deactivated";
    public const string OrderConfirmation = "order-confirmation";
    public const string OrderShipped = "order-shipped";
    public const string OrderCancelled = "order-cancelled";
    public const string OrderFailed = "order-failed";
    public const string LowStock = "low-stock";
    public const string WebhookDisabled = "webhook-disabled";

    private static readonly Guid Id = new("0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11");
    private static readonly DateTimeOffset Time = new(2026, 3, 14, 9, 26, 0, TimeSpan.Zero);
    private static readonly Money Total = new(1263.48m, "EUR");

    public static IReadOnlyList<MailTemplate> All { get; } =
    [
        new(Welcome, false, new UserRegistered(Id, "ada@example.org", "Ada Lovelace", "web", Time)),
        new(EmailChanged, true, new UserEmailChanged(Id, "ada@example.org", "lovelace@example.org", Time)),
        new(PasswordChanged, true, new UserSessionsEnded(Id, 1, "password_changed", Time)),
        new(RoleChanged, true, new UserSessionsEnded(Id, 1, "role_changed", Time)),
        new(SecondFactorAdded, true, new UserSessionsEnded(Id, 1, "second_factor_added", Time)),
        new(SecondFactorRemoved, true, new UserSessionsEnded(Id, 1, "second_factor_removed", Time)),
        new(PasswordReset, true, Link(AccountLinks.ResetPassword)),
        new(EmailVerification, true, Link(AccountLinks.VerifyEmail)),
        new(EmailConfirmation, true, Link(AccountLinks.ConfirmEmail)),
        new(EmailChangeUndo, true, Link(AccountLinks.UndoEmailChange)),
        new(AccountDeactivated, true, new UserDeactivated(Id, "On request", Time)),
        new(OrderConfirmation, false, new OrderConfirmed(
            Id, Id, [new("NOTEBOOK-14", "Notebook 14\"", 1, new(1199m, "EUR")), new("SLEEVE-GREY", "Sleeve, grey", 2, new(32.24m, "EUR"))], Total, Time)),
        new(OrderShipped, false, new OrderShipped(Id, Id, Id, "DHL", "00340434161094042557", Time)),
        new(OrderCancelled, false, new OrderCancelled(Id, Id, "Changed my mind", Time, Total)),
        new(OrderFailed, false, new OrderFailed(Id, Id, "payment_declined: insufficient_funds", Time, Total)),
        new(LowStock, false, new StockLow("NOTEBOOK-14", 3, 5, Time)),
        new(WebhookDisabled, false, new WebhookDisabled(Id, "https://partner.example/hooks", "410 Gone", Time)),
    ];

    /// <summary>Templates for customers, which preferences speak of.</summary>
    public static IEnumerable<MailTemplate> ForCustomers => All.Where(t => t.Name is not (LowStock or WebhookDisabled));

    /// <summary>Templates of mails that let somebody in: what such a mail said is not kept once it is sent.</summary>
    public static IReadOnlyList<string> Secret { get; } = [PasswordReset, EmailVerification, EmailConfirmation, EmailChangeUndo];

    public static MailTemplate Named(string name) => All.First(t => t.Name == name);

    /// <summary>The mail that tells why all sessions of an account have ended; null when another event has one.</summary>
    public static string? OfEndedSessions(string reason) => All.FirstOrDefault(t => t.Sample is UserSessionsEnded ended && ended.Reason == reason)?.Name;

    /// <summary>The mail that carries a link; null when there is none of that purpose.</summary>
    public static string? OfLink(string purpose) => All.FirstOrDefault(t => t.Sample is SendAccountLink link && link.Purpose == purpose)?.Name;

    private static SendAccountLink Link(string purpose) =>
        new(Id, "ada@example.org", purpose, $"https://shop.example/account/{purpose}#ticket=WmVyb2VzIGFuZCBvbmVz", Time);
}
