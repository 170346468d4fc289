using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts;
using Shop.Contracts.Users.V1;
using Users.Domain;
using Users.Features;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>Has links mailed with which whoever reads the mail does one thing to an account. See <see cref="AccountLinks"/>.</summary>
internal sealed class MailedLinks(
    UsersDbContext db,
    AccountTickets tickets,
    ISendEndpointProvider bus,
    IOptions<AuthenticationSettings> issuer,
    IOptions<UsersSettings> settings,
    TimeProvider clock)
{
    /// <summary>Asks for the mail, in the caller's transaction if there is one; no mail when the account has several such links already.</summary>
    /// <param name="user">Whose account.</param>
    /// <param name="purpose">One of <see cref="AccountLinks"/>.</param>
    /// <param name="recipient">Where to.</param>
    /// <param name="about">The address that the link is about, when that is not the one of the account.</param>
    /// <param name="ct">Cancels.</param>
    public async Task SendAsync(User user, string purpose, string recipient, string? about, CancellationToken ct)
    {
        using var _ = OperationContext.BeginTenant(user.TenantId);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (await IssueAsync(user, purpose, about, ct) is var (url, expiresAt))
        {
            await bus.SendCommandAsync(Queues.NotificationsCommands, new SendAccountLink(user.Id, recipient, purpose, url, expiresAt), user.Id, ct);
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>Makes a link that is not mailed, in the caller's transaction.</summary>
    /// <param name="user">Whose account.</param>
    /// <param name="purpose">One of <see cref="AccountLinks"/>.</param>
    /// <param name="about">The address that the link is about, when that is not the one of the account.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The link; null when the account has several such already.</returns>
    public async Task<(string Url, DateTimeOffset ExpiresAt)?> IssueAsync(User user, string purpose, string? about, CancellationToken ct)
    {
        var lifetime = LifetimeOf(purpose);
        if (await tickets.IssueAsync(user.Id, purpose, about, lifetime, ct) is not { } ticket)
        {
            return null;
        }

        var page = settings.Value.Pages.GetValueOrDefault(purpose) ?? new Uri(issuer.Value.ExpectedIssuer + TicketPages.PathOf(purpose));
        // Behind the #: a browser tells it to nobody, and no log of a proxy has it.
        return ($"{page}#ticket={ticket}", clock.GetUtcNow() + lifetime);
    }

    // The mails say so.
    private static TimeSpan LifetimeOf(string purpose) => purpose switch
    {
        AccountLinks.ResetPassword => TimeSpan.FromMinutes(30),
        AccountLinks.VerifyEmail => TimeSpan.FromDays(1),
        AccountLinks.ConfirmEmail => TimeSpan.FromHours(1),
        AccountLinks.UndoEmailChange => TimeSpan.FromDays(7),
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "Nobody has said how long such a link is good."),
    };
}
