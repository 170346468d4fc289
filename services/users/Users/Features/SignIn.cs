using System.Net;
using Chassis.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>Whether somebody is who they say: e-mail and password, wherever they were typed.</summary>
public sealed class SignIn(UsersDbContext db, PasswordVault passwords, SignInThrottle throttle, AuthenticationEvents events, IOptions<UsersSettings> settings)
{
    /// <param name="username">E-mail address, as typed.</param>
    /// <param name="password">As typed.</param>
    /// <param name="clientId">Through which client.</param>
    /// <param name="address">Where the request came from; null when that is not known.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The account; null when one of the two is not right, or the account is closed: nobody learns which.</returns>
    /// <exception cref="ProblemException">429: too many failures; 503: too many sign-ins at once.</exception>
    public async Task<User?> VerifyAsync(string username, string password, string clientId, IPAddress? address, CancellationToken cancellationToken)
    {
        var email = Email.Normalize(username) ?? username;
        var attempt = await throttle.AttemptAsync(email, address, cancellationToken);
        var user = await db.Users.IgnoreQueryFilters().SingleOrDefaultAsync(u => u.Email == email, cancellationToken);
        var verdict = password.Length <= settings.Value.Passwords.MaxLength
            ? await passwords.VerifyAsync(user, password, cancellationToken)
            : PasswordVerificationResult.Failed;
        var happened = new AuthenticationEvent(AuthenticationEventKind.SignIn, StatusCodes.Status400BadRequest)
        {
            UserId = user?.Id.ToString(), TenantId = user?.TenantId, Account = email, ClientId = clientId,
        };
        if (verdict == PasswordVerificationResult.Failed || user is not { IsActive: true })
        {
            await events.RecordFailureAsync(happened, attempt.IsLast, cancellationToken);
            return null;
        }

        await throttle.SucceededAsync(email, address, attempt, cancellationToken);
        if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
        {
            user.Rehash(await passwords.HashAsync(password, cancellationToken));
            await db.SaveChangesAsync(cancellationToken);
        }

        await events.RecordAsync(happened with { Status = StatusCodes.Status200OK }, cancellationToken);
        return user;
    }
}
