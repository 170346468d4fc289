using System.Net;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>What is missing before somebody is signed in whose password was right.</summary>
internal enum StillNeeded
{
    Nothing,

    /// <summary>A password that its owner has chosen.</summary>
    OwnPassword,

    /// <summary>A one-time code.</summary>
    Code,

    /// <summary>A second factor, which an operator has to have and has not set up yet.</summary>
    SecondFactor,
}

/// <summary>Whether somebody is who they say: e-mail and password, and a one-time code where the account asks for one, wherever they were typed.</summary>
internal sealed class SignIn(
    UsersDbContext db, PasswordVault passwords, SecondFactors factors, SignInThrottle throttle, AccountTickets tickets, AccountRules rules,
    AuthenticationEvents events, UserMetrics metrics,
    IOptions<UsersSettings> settings)
{
    // What the page for the second step carries in place of the password.
    private const string PasswordShown = "password-shown";

    private static readonly TimeSpan TimeForTheCode = TimeSpan.FromMinutes(10);

    /// <param name="username">E-mail address, as typed.</param>
    /// <param name="password">As typed.</param>
    /// <param name="code">A one-time code, when there is one already.</param>
    /// <param name="clientId">Through which client.</param>
    /// <param name="address">Where the request came from; null when that is not known.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The account, and what is still needed; no account when something is not right, or it is closed: nobody learns which.</returns>
    /// <exception cref="ProblemException">429: too many failures; 503: too many sign-ins at once.</exception>
    public Task<(User? User, StillNeeded Needed)> VerifyAsync(
        string username, string password, string? code, string clientId, IPAddress? address, CancellationToken ct) =>
        CountedAsync(() => LookAsync(username, password, code, clientId, address, ct));

    private async Task<(User? User, StillNeeded Needed)> LookAsync(
        string username, string password, string? code, string clientId, IPAddress? address, CancellationToken ct)
    {
        var email = Email.Normalize(username) ?? username;
        var attempt = await throttle.AttemptAsync(email, address, ct);
        var asTyped = Email.AsTyped(username);
        var user = await db.Users.IgnoreQueryFilters().Where(u => u.Email == email || u.Email == asTyped)
            .OrderByDescending(u => u.Email == asTyped).FirstOrDefaultAsync(ct);
        var verdict = password.Length <= settings.Value.Passwords.MaxLength
            ? await passwords.VerifyAsync(user, password, ct)
            : PasswordVerificationResult.Failed;
        var needed = user is null ? StillNeeded.Nothing : NeededBy(user);
        if (verdict == PasswordVerificationResult.Failed || user is not { IsActive: true }
            || (needed == StillNeeded.Code && code is not null && !await factors.UseAsync(user.Id, code, ct)))
        {
            await events.RecordFailureAsync(Happened(user, email, clientId), attempt.IsLast, ct);
            return (null, StillNeeded.Nothing);
        }

        if (needed == StillNeeded.Code && code is not null)
        {
            needed = StillNeeded.Nothing;
        }

        if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
        {
            user.Rehash(await passwords.HashAsync(password, ct));
            await db.SaveChangesAsync(ct);
        }

        if (needed is StillNeeded.Code or StillNeeded.SecondFactor)
        {
            // No failure. Nor is the network the owner's because somebody there knows the password.
            await throttle.TakeBackAsync(email, address, attempt, ct);
            return (user, needed);
        }

        await throttle.SucceededAsync(email, address, attempt, ct);
        await events.RecordAsync(Happened(user, email, clientId) with { Status = StatusCodes.Status200OK }, ct);
        return (user, needed);
    }

    /// <summary>A ticket for the second step, for whoever has just shown the password.</summary>
    /// <returns>Null when the account has several of them.</returns>
    public async Task<string?> BeginSecondStepAsync(User user, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var ticket = await tickets.IssueAsync(user.Id, PasswordShown, email: null, TimeForTheCode, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return ticket;
    }

    /// <summary>Who has shown the password.</summary>
    /// <exception cref="ProblemException">400: the ticket is none, or its time is over.</exception>
    public async Task<(AccountTicket Ticket, User User)> AtSecondStepAsync(string ticket, CancellationToken ct)
    {
        var found = await tickets.FindAsync(ticket, PasswordShown, ct);
        return (found, await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == found.UserId, ct));
    }

    /// <summary>The second step: a one-time code or a recovery code.</summary>
    /// <returns>The account; null when the code is not right.</returns>
    /// <exception cref="ProblemException">400: the ticket is none, or its time is over; 429: too many failures.</exception>
    public async Task<User?> VerifyCodeAsync(string ticket, string code, string clientId, IPAddress? address, CancellationToken ct) =>
        (await CountedAsync(async () => (await LookAtCodeAsync(ticket, code, clientId, address, ct), StillNeeded.Nothing))).User;

    private async Task<User?> LookAtCodeAsync(string ticket, string code, string clientId, IPAddress? address, CancellationToken ct)
    {
        var (found, user) = await AtSecondStepAsync(ticket, ct);
        var email = user.Email!;
        var attempt = await throttle.AttemptAsync(email, address, ct);
        var happened = Happened(user, email, clientId) with { Kind = AuthenticationEventKind.SecondFactor };
        if (NeededBy(user) != StillNeeded.Code || !await factors.UseAsync(user.Id, code, ct))
        {
            await events.RecordFailureAsync(happened, attempt.IsLast, ct);
            return null;
        }

        await tickets.UseAsync(found, ct);
        await throttle.SucceededAsync(email, address, attempt, ct);
        await events.RecordAsync(happened with { Kind = AuthenticationEventKind.SignIn, Status = StatusCodes.Status200OK }, ct);
        return user;
    }

    private async Task<(User? User, StillNeeded Needed)> CountedAsync(Func<Task<(User? User, StillNeeded Needed)>> attempt)
    {
        try
        {
            var (user, needed) = await attempt();
            metrics.Attempted(user is null ? SignInOutcome.Refused : needed == StillNeeded.Nothing ? SignInOutcome.Succeeded : SignInOutcome.Incomplete);
            return (user, needed);
        }
        catch (ProblemException e) when (e.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            metrics.Attempted(SignInOutcome.Throttled);
            throw;
        }
    }

    private StillNeeded NeededBy(User user) =>
        user.PasswordIsInitial ? StillNeeded.OwnPassword
        : user.SecondFactorSince is not null ? StillNeeded.Code
        : user.Role != Roles.Customer && rules.OperatorsNeedSecondFactor ? StillNeeded.SecondFactor
        : StillNeeded.Nothing;

    private static AuthenticationEvent Happened(User? user, string email, string clientId) =>
        new(AuthenticationEventKind.SignIn, StatusCodes.Status400BadRequest)
        {
            UserId = user?.Id.ToString(), TenantId = user?.TenantId, Account = email, ClientId = clientId,
        };
}
