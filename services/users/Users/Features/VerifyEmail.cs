using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;
using Users.Domain;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>That the address which somebody registered with is theirs, by a link that is mailed to it.</summary>
public sealed class VerifyEmail(UsersDbContext db, UserStore users, AccountTickets tickets, MailedLinks links, AuthenticationEvents events, TimeProvider clock)
{
    /// <summary>Mails the link, once more perhaps; nothing when the address is known to be the owner's.</summary>
    public async Task SendAsync(Guid id, Caller caller, CancellationToken cancellationToken)
    {
        var user = await users.GetToChangeAsync(id, caller, cancellationToken);
        user.MustBeActive();
        if (user.EmailVerified)
        {
            return;
        }

        await using var transaction = await db.BeginOrJoinAsync(cancellationToken);
        await links.SendAsync(user, AccountLinks.VerifyEmail, user.Email!, about: null, cancellationToken);
        await events.RecordAsync(Happened(user, StatusCodes.Status202Accepted), cancellationToken);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <exception cref="ProblemException">400: the ticket is not good; 409: the account is closed.</exception>
    public async Task CompleteAsync(string ticket, CancellationToken cancellationToken)
    {
        var found = await tickets.FindAsync(ticket, AccountLinks.VerifyEmail, cancellationToken);
        var user = await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == found.UserId, cancellationToken);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await tickets.UseAsync(found, cancellationToken);
        user.VerifyEmail(clock.GetUtcNow());
        await events.RecordAsync(Happened(user, StatusCodes.Status204NoContent), cancellationToken);
        await users.SaveAsync(user, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    public static void Map(RouteGroupBuilder v1)
    {
        v1.MapGroup("/users").MapPost("/{id:guid}/email-verification", PostFor).RequireCustomer(others: Permissions.ChangeUsers).IsCostly()
            .WithName("SendEmailVerification").WithSummary("Mail the owner a link to confirm the address.");
        v1.MapGroup("/email-verifications").WithTags("Users").MapPost("/complete", PostComplete).AllowAnonymous().IsCostly()
            .WithName("VerifyEmail").WithSummary("Confirm the address of an account with the ticket of such a link.");
    }

    private static async Task<Accepted> PostFor(Guid id, VerifyEmail handler, Caller caller, CancellationToken cancellationToken)
    {
        await handler.SendAsync(id, caller, cancellationToken);
        return TypedResults.Accepted((string?)null);
    }

    private static async Task<NoContent> PostComplete(TicketRequest request, VerifyEmail handler, CancellationToken cancellationToken)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.CompleteAsync(request.Ticket, cancellationToken);
        return TypedResults.NoContent();
    }

    private static AuthenticationEvent Happened(User user, int status) =>
        new(AuthenticationEventKind.EmailVerification, status) { UserId = user.Id.ToString(), TenantId = user.TenantId };
}
