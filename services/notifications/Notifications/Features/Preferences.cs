using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Notifications.Contacts;
using Notifications.Mails;
using Notifications.Persistence;

namespace Notifications.Features;

/// <summary>Which kinds of mails a user gets. A kind that is left out stays on.</summary>
/// <param name="Welcome">After the registration.</param>
/// <param name="OrderConfirmation">An order is confirmed.</param>
/// <param name="OrderShipped">An order is on its way.</param>
/// <param name="OrderCancelled">An order was cancelled.</param>
/// <param name="OrderFailed">An order could not be completed.</param>
/// <param name="EmailChanged">The account's address was changed: a security mail, always on.</param>
/// <param name="PasswordChanged">The password was changed: a security mail, always on.</param>
/// <param name="PasswordReset">A link to set another password was asked for: a security mail, always on.</param>
/// <param name="EmailVerification">A link to confirm the address of a new account: a security mail, always on.</param>
/// <param name="EmailConfirmation">A link to confirm another address: a security mail, always on.</param>
/// <param name="EmailChangeUndo">A link to undo the change of an address: a security mail, always on.</param>
/// <param name="RoleChanged">The account was given another role: a security mail, always on.</param>
/// <param name="SecondFactorAdded">One-time codes were set up: a security mail, always on.</param>
/// <param name="SecondFactorRemoved">One-time codes were removed: a security mail, always on.</param>
/// <param name="AccountDeactivated">The account was deactivated: a security mail, always on.</param>
internal sealed record PreferencesView(
    bool Welcome = true, bool OrderConfirmation = true, bool OrderShipped = true, bool OrderCancelled = true, bool OrderFailed = true,
    bool EmailChanged = true, bool AccountDeactivated = true, bool PasswordChanged = true, bool PasswordReset = true,
    bool EmailVerification = true, bool EmailConfirmation = true, bool EmailChangeUndo = true,
    bool RoleChanged = true, bool SecondFactorAdded = true, bool SecondFactorRemoved = true)
{
    private IEnumerable<(string Field, string Template, bool On)> Kinds() =>
    [
        ("welcome", MailTemplate.Welcome, Welcome),
        ("orderConfirmation", MailTemplate.OrderConfirmation, OrderConfirmation),
        ("orderShipped", MailTemplate.OrderShipped, OrderShipped),
        ("orderCancelled", MailTemplate.OrderCancelled, OrderCancelled),
        ("orderFailed", MailTemplate.OrderFailed, OrderFailed),
        ("emailChanged", MailTemplate.EmailChanged, EmailChanged),
        ("passwordChanged", MailTemplate.PasswordChanged, PasswordChanged),
        ("passwordReset", MailTemplate.PasswordReset, PasswordReset),
        ("emailVerification", MailTemplate.EmailVerification, EmailVerification),
        ("emailConfirmation", MailTemplate.EmailConfirmation, EmailConfirmation),
        ("emailChangeUndo", MailTemplate.EmailChangeUndo, EmailChangeUndo),
        ("roleChanged", MailTemplate.RoleChanged, RoleChanged),
        ("secondFactorAdded", MailTemplate.SecondFactorAdded, SecondFactorAdded),
        ("secondFactorRemoved", MailTemplate.SecondFactorRemoved, SecondFactorRemoved),
        ("accountDeactivated", MailTemplate.AccountDeactivated, AccountDeactivated),
    ];

    internal string[] SwitchedOff()
    {
        var validator = new Validator();
        foreach (var (field, template, on) in Kinds())
        {
            validator.Check(on || !MailTemplate.Named(template).IsSecurity, field, "is a security mail and cannot be switched off.");
        }

        validator.ThrowIfInvalid();
        return [.. Kinds().Where(k => !k.On).Select(k => k.Template)];
    }

    internal static PreferencesView Of(NotificationPreferences? stored)
    {
        return new PreferencesView(
            On(MailTemplate.Welcome),
            On(MailTemplate.OrderConfirmation),
            On(MailTemplate.OrderShipped),
            On(MailTemplate.OrderCancelled),
            On(MailTemplate.OrderFailed));

        bool On(string template) => stored?.SwitchedOff.Contains(template) != true;
    }
}

internal static class Preferences
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var preferences = app.MapGroup("/v1/users/{id:guid}/notification-preferences");
        preferences.MapGet("", Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ReadNotificationPreferences").WithSummary("Which kinds of mails a customer gets.");
        preferences.MapPut("", Put).RequireCustomer(others: Permissions.ChangeUsers)
            .WithName("ChangeNotificationPreferences").WithSummary("Switch kinds of mails on and off; what is left out is on.");
    }

    private static async Task<ETagged<Ok<PreferencesView>>> Get(Guid id, Caller caller, NotificationsDbContext db, CancellationToken ct)
    {
        await MustExistAsync(id, caller, db, ct);
        var stored = await db.Preferences.AsNoTracking().SingleOrDefaultAsync(p => p.UserId == id, ct);
        return TypedResults.Ok(PreferencesView.Of(stored)).WithETag(stored?.Version ?? 0);
    }

    private static async Task<ETagged<Ok<PreferencesView>>> Put(
        Guid id, PreferencesView wanted, ExpectedVersion expected, Caller caller, NotificationsDbContext db, TimeProvider clock, CancellationToken ct)
    {
        await MustExistAsync(id, caller, db, ct);
        var switchedOff = wanted.SwitchedOff();

        // The row is there before it is read, so that two first writes at once are told apart by the version.
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO notification_preferences (user_id, version, updated_at) VALUES ({id}, 0, {clock.GetUtcNow()}) ON CONFLICT DO NOTHING", ct);
        var stored = await db.Preferences.Where(p => p.UserId == id).StillThereAsync(ct);
        expected.Check(stored.Version);
        (stored.SwitchedOff, stored.Version, stored.UpdatedAt) = (switchedOff, stored.Version + 1, clock.GetUtcNow());
        await db.SaveChangesAsync(ct);
        return TypedResults.Ok(PreferencesView.Of(stored)).WithETag(stored.Version);
    }

    // One's own preferences can be read and set before the registration has arrived here.
    private static async Task MustExistAsync(Guid id, Caller caller, NotificationsDbContext db, CancellationToken ct)
    {
        caller.MustSee(id);
        var contact = await db.Contacts.AsNoTracking().SingleOrDefaultAsync(c => c.UserId == id, ct);
        var elsewhere = contact is not null && !caller.MaySeeTenant(contact.TenantId);
        if (contact is { ErasedAt: not null } || elsewhere || (contact is null && caller.UserId != id))
        {
            throw ProblemException.NotFound();
        }
    }
}
