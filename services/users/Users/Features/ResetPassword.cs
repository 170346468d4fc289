using System.ComponentModel.DataAnnotations;
using Chassis.Data;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

internal sealed record RequestPasswordResetRequest([property: MaxLength(Domain.Email.MaxLength)] string Email);

/// <param name="Ticket">What the link in the mail carried.</param>
/// <param name="NewPassword">The new password.</param>
internal sealed record ResetPasswordRequest(
    [property: MaxLength(AccountTickets.MaxLength)] string Ticket, [property: MaxLength(PasswordRules.Longest)] string NewPassword);

/// <summary>
/// Another password for somebody who has forgotten it: a link to the address of the account, good once and for half an hour, and no answer tells whether there
/// is an account. So an operator helps too, who never sets a password.
/// </summary>
internal sealed class ResetPassword(
    UsersDbContext db,
    UserStore users,
    AccountTickets tickets,
    MailedLinks links,
    PasswordVault passwords,
    PasswordRules rules,
    AuthenticationEvents events,
    TimeProvider clock)
{
    /// <summary>For whoever says to have forgotten the password.</summary>
    /// <exception cref="ProblemException">400: it is no address.</exception>
    public async Task RequestAsync(string email, CancellationToken ct)
    {
        var normalized = Email.Normalize(email);
        new Validator().Check(normalized is not null, "email", "is not an e-mail address.").ThrowIfInvalid();
        if (await db.Users.IgnoreQueryFilters().SingleOrDefaultAsync(u => u.Email == normalized && u.Status == UserStatus.Active, ct) is { } user)
        {
            await SendAsync(user, ct);
        }
    }

    /// <summary>For an operator who was asked for help.</summary>
    public async Task SendAsync(Guid id, Caller caller, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        user.MustBeActive();
        await SendAsync(user, ct);
    }

    /// <summary>For whoever has just shown a password that somebody else has chosen.</summary>
    /// <returns>The page to choose another one on; null when the account has enough of such tickets.</returns>
    public async Task<string?> BeginAsync(User user, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var page = await links.IssueAsync(user, AccountLinks.ResetPassword, about: null, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return page?.Url;
    }

    /// <exception cref="ProblemException">400: the ticket is not good, or the password is not; 409: the account is closed.</exception>
    public async Task CompleteAsync(ResetPasswordRequest request, CancellationToken ct)
    {
        var ticket = await tickets.FindAsync(request.Ticket, AccountLinks.ResetPassword, ct);
        var user = await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == ticket.UserId, ct);
        var validator = new Validator();
        rules.Check(validator, "newPassword", request.NewPassword, user.Email, user.FullName);
        validator.ThrowIfInvalid();
        if (ticket.Email == user.Email)
        {
            // It was mailed there, and read.
            user.VerifyEmail(clock.GetUtcNow());
        }

        user.ChangePassword(await passwords.HashAsync(request.NewPassword, ct), clock.GetUtcNow());
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await tickets.UseAsync(ticket, ct);
        await events.RecordAsync(Happened(user, StatusCodes.Status204NoContent), ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
    }

    public static void Map(RouteGroupBuilder v1)
    {
        var resets = v1.MapGroup("/password-resets").WithTags("Users");
        resets.MapPost("/", PostRequest).AllowAnonymous().IsCostly()
            .WithName("RequestPasswordReset")
            .WithSummary("Mail a link to set another password. The answer is the same whether there is such an account or not.");
        resets.MapPost("/complete", PostComplete).AllowAnonymous().IsCostly()
            .WithName("ResetPassword").WithSummary("Set another password with the ticket of such a link. Ends every session.");
        v1.MapGroup("/users").MapPost("/{id:guid}/password-reset", PostFor).RequireOperator(Permissions.ChangeUsers)
            .WithName("SendPasswordReset").WithSummary("Mail the owner a link to set another password.");
    }

    private static async Task<Microsoft.AspNetCore.Http.HttpResults.Accepted> PostRequest(
        RequestPasswordResetRequest request, ResetPassword handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.RequestAsync(request.Email, ct);
        return TypedResults.Accepted((string?)null);
    }

    private static async Task<Microsoft.AspNetCore.Http.HttpResults.NoContent> PostComplete(
        ResetPasswordRequest request, ResetPassword handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.CompleteAsync(request, ct);
        return TypedResults.NoContent();
    }

    private static async Task<Microsoft.AspNetCore.Http.HttpResults.Accepted> PostFor(Guid id, ResetPassword handler, Caller caller, CancellationToken ct)
    {
        await handler.SendAsync(id, caller, ct);
        return TypedResults.Accepted((string?)null);
    }

    private static AuthenticationEvent Happened(User user, int status) =>
        new(AuthenticationEventKind.PasswordReset, status) { UserId = user.Id.ToString(), TenantId = user.TenantId };

    private async Task SendAsync(User user, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await links.SendAsync(user, AccountLinks.ResetPassword, user.Email!, about: user.Email, ct);
        await events.RecordAsync(Happened(user, StatusCodes.Status202Accepted), ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }
}
