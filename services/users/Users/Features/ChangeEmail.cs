using System.ComponentModel.DataAnnotations;
using System.Net;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;
using Validator = Chassis.Web.Validator;

namespace Users.Features;

/// <param name="Email">The new address.</param>
/// <param name="CurrentPassword">The password; can be left out by whoever has signed in within the last minutes.</param>
internal sealed record ChangeEmailRequest(
    [property: MaxLength(Domain.Email.MaxLength)] string Email, [property: MaxLength(PasswordRules.Longest)] string? CurrentPassword = null);

/// <param name="Ticket">What the link in the mail carried.</param>
internal sealed record TicketRequest([property: MaxLength(AccountTickets.MaxLength)] string Ticket);

/// <summary>
/// Another address to sign in with. Where addresses are verified it counts when somebody has followed the link that was mailed to it, and whoever had the
/// account at the address of before can take it back for some days: with an access token alone nobody takes an account over.
/// </summary>
internal sealed class ChangeEmail(
    UsersDbContext db, UserStore users, AccountTickets tickets, MailedLinks links, AccountRules accountRules, OwnersProof proof,
    PasswordVault passwords, PasswordRules rules,
    AuthenticationEvents events, TimeProvider clock)
{
    /// <returns>The account, and whether it has the new address already.</returns>
    /// <exception cref="ProblemException">
    /// 400: it is no address, or the password is not right; 403: it is somebody else's account, or it is not clear that the owner asks; 409: the address is
    /// taken.
    /// </exception>
    public async Task<(User User, bool IsDone)> RequestAsync(
        Guid id, ChangeEmailRequest request, Caller caller, ExpectedVersion expected, IPAddress? address, CancellationToken ct)
    {
        var email = Email.Normalize(request.Email);
        new Validator().Bounds(request).Check(email is not null, "email", "is not an e-mail address.").ThrowIfInvalid();
        var user = await users.GetToChangeAsync(id, caller, ct);
        expected.Check(user.Version);
        user.MustBeActive();
        if (caller.UserId != id && accountRules.AddressesAreVerified)
        {
            // With an address of theirs and a forgotten password they would have the account.
            throw new ProblemException(
                StatusCodes.Status403Forbidden, "not_your_account", "Nobody changes somebody else's address. The owner does, signed in.");
        }

        await proof.CheckAsync(user, caller, request.CurrentPassword, address, Happened(user, StatusCodes.Status200OK), ct);
        await MustBeFreeAsync(email!, id, ct);
        if (user.Email == email)
        {
            return (user, true);
        }

        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (accountRules.AddressesAreVerified)
        {
            await links.SendAsync(user, AccountLinks.ConfirmEmail, email!, about: email, ct);
            await events.RecordAsync(Happened(user, StatusCodes.Status202Accepted), ct);
            await db.SaveChangesAsync(ct);
        }
        else
        {
            user.ChangeEmail(email!, isVerified: false, clock.GetUtcNow());
            await SaveAsync(user, StatusCodes.Status200OK, ct);
        }

        await transaction.CommitAsync(ct);
        return (user, !accountRules.AddressesAreVerified);
    }

    /// <summary>From the link that was mailed to the new address.</summary>
    /// <exception cref="ProblemException">400: the ticket is not good; 409: the address was taken meanwhile, or the account is closed.</exception>
    public async Task ConfirmAsync(string ticket, CancellationToken ct)
    {
        var found = await tickets.FindAsync(ticket, AccountLinks.ConfirmEmail, ct);
        var user = await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == found.UserId, ct);
        await MustBeFreeAsync(found.Email!, user.Id, ct);
        var (before, wasVerified) = (user.Email!, user.EmailVerified);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await tickets.UseAsync(found, ct);
        user.ChangeEmail(found.Email!, isVerified: true, clock.GetUtcNow());
        await SaveAsync(user, StatusCodes.Status204NoContent, ct);
        if (wasVerified)
        {
            await links.SendAsync(user, AccountLinks.UndoEmailChange, before, about: before, ct);
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>
    /// From the link that was mailed to the address of before: the account has it again, and another password, since whoever changed it knows the one of now.
    /// </summary>
    /// <exception cref="ProblemException">
    /// 400: the ticket is not good, or the password is not; 409: the address was taken meanwhile, or the account is closed.
    /// </exception>
    public async Task UndoAsync(ResetPasswordRequest request, CancellationToken ct)
    {
        var found = await tickets.FindAsync(request.Ticket, AccountLinks.UndoEmailChange, ct);
        var user = await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == found.UserId, ct);
        var validator = new Validator();
        rules.Check(validator, "newPassword", request.NewPassword, found.Email, user.FullName);
        validator.ThrowIfInvalid();
        await MustBeFreeAsync(found.Email!, user.Id, ct);
        var hash = await passwords.HashAsync(request.NewPassword, ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await tickets.UseAsync(found, ct);
        await tickets.EndAllAsync(user.Id, ct);
        user.ChangeEmail(found.Email!, isVerified: true, clock.GetUtcNow());
        user.ChangePassword(hash, clock.GetUtcNow());
        await SaveAsync(user, StatusCodes.Status204NoContent, ct);
        await transaction.CommitAsync(ct);
    }

    public static void Map(RouteGroupBuilder v1)
    {
        v1.MapGroup("/users").MapPut("/{id:guid}/email", Put).RequireCustomer(others: Permissions.ChangeUsers)
            .WithName("ChangeEmail")
            .WithSummary("Change the e-mail address: at once (200), or when the link that is mailed to it was followed (202). The owner gives the password, or has just signed in.");
        var changes = v1.MapGroup("/email-changes").WithTags("Users");
        changes.MapPost("/confirm", PostConfirm).AllowAnonymous().IsCostly()
            .WithName("ConfirmEmailChange").WithSummary("Use the new address, with the ticket of the link that was mailed to it. Ends every session.");
        changes.MapPost("/undo", PostUndo).AllowAnonymous().IsCostly()
            .WithName("UndoEmailChange")
            .WithSummary(
                "Take the account back, with the ticket of the link that was mailed to the address of before, and another password. Ends every session.");
    }

    private static async Task<ETagged<Results<Ok<UserView>, Accepted<UserView>>>> Put(
        Guid id, ChangeEmailRequest request, ChangeEmail handler, Caller caller, ExpectedVersion expected, HttpContext http, CancellationToken ct)
    {
        var (user, isDone) = await handler.RequestAsync(id, request, caller, expected, http.Connection.RemoteIpAddress, ct);
        Results<Ok<UserView>, Accepted<UserView>> answer = isDone
            ? TypedResults.Ok(UserView.Of(user))
            : TypedResults.Accepted((string?)null, UserView.Of(user));
        return answer.WithETag(user.Version);
    }

    private static async Task<NoContent> PostConfirm(TicketRequest request, ChangeEmail handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.ConfirmAsync(request.Ticket, ct);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> PostUndo(ResetPasswordRequest request, ChangeEmail handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.UndoAsync(request, ct);
        return TypedResults.NoContent();
    }

    private static AuthenticationEvent Happened(User user, int status) =>
        new(AuthenticationEventKind.EmailChange, status) { UserId = user.Id.ToString(), TenantId = user.TenantId };

    private async Task SaveAsync(User user, int status, CancellationToken ct)
    {
        await events.RecordAsync(Happened(user, status), ct);
        await users.SaveAsync(user, ct);
    }

    private async Task MustBeFreeAsync(string email, Guid userId, CancellationToken ct)
    {
        if (await db.Users.IgnoreQueryFilters().AnyAsync(u => u.Email == email && u.Id != userId, ct))
        {
            throw UserStore.EmailTaken();
        }
    }
}
