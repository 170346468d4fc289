using System.Net;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Tokens;

namespace Users.Passwords;

/// <summary>
/// That it is the owner who asks, and not merely somebody with the owner's access token: what cannot be taken back asks for the password, or for having signed
/// in just now.
/// </summary>
internal sealed class OwnersProof(
    PasswordVault passwords, SecondFactors factors, SignInThrottle throttle, AuthenticationEvents events, IOptions<UsersSettings> settings, TimeProvider clock)
{
    /// <summary>
    /// Whoever acts on somebody else's account is asked nothing, nor is anybody who has signed in at another identity provider that does not say when.
    /// </summary>
    /// <param name="user">Whose account.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="currentPassword">The password, when it was given.</param>
    /// <param name="address">Where the request comes from.</param>
    /// <param name="happened">What is recorded when the password is not right.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="ProblemException">400: the password is not right; 403: neither it nor a sign-in of late; 429: too many guesses.</exception>
    public async Task CheckAsync(User user, Caller caller, string? currentPassword, IPAddress? address, AuthenticationEvent happened, CancellationToken ct)
    {
        if (caller.UserId != user.Id || (!settings.Value.IssueTokens && caller.AuthenticatedAt is null))
        {
            return;
        }

        if (currentPassword is not null)
        {
            await CheckPasswordAsync(user, currentPassword, address, happened, ct);
        }
        else if (!(caller.AuthenticatedAt > clock.GetUtcNow() - settings.Value.Tokens.FreshFor))
        {
            throw new ProblemException(StatusCodes.Status403Forbidden, "sign_in_again", "Sign in again before this, or give the current password.");
        }
    }

    /// <exception cref="ProblemException">400: the password is not right; 429: too many guesses.</exception>
    public async Task CheckPasswordAsync(User user, string currentPassword, IPAddress? address, AuthenticationEvent happened, CancellationToken ct)
    {
        var attempt = await throttle.AttemptAsync(user.Email!, address, ct);
        if (await passwords.VerifyAsync(user, currentPassword, ct) == PasswordVerificationResult.Failed)
        {
            await events.RecordAsync(happened with { Status = StatusCodes.Status400BadRequest }, ct);
            throw ProblemException.Invalid("currentPassword", "is not correct.");
        }

        await throttle.SucceededAsync(user.Email!, address, attempt, ct);
    }

    /// <summary>Uses a one-time code or a recovery code of the account up.</summary>
    /// <exception cref="ProblemException">400: it is none; 429: too many guesses.</exception>
    public async Task CheckCodeAsync(User user, string code, IPAddress? address, AuthenticationEvent happened, CancellationToken ct)
    {
        var attempt = await throttle.AttemptAsync(user.Email!, address, ct);
        if (!await factors.UseAsync(user.Id, code, ct))
        {
            await events.RecordAsync(happened with { Status = StatusCodes.Status400BadRequest }, ct);
            throw ProblemException.Invalid("code", "is not correct.");
        }

        await throttle.TakeBackAsync(user.Email!, address, attempt, ct);
    }
}
