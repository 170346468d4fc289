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
internal sealed class VerifyEmail(
    UsersDbContext db, UserStore users, AccountTickets tickets, MailedLinks links, AuthenticationEvents events, TimeProvider clock)
{
    /// <summary>Mails the link, once more perhaps; nothing when the address is known to be the owner's.</summary>
    public async Task SendAsync(Guid id, Caller caller, CancellationToken ct)
    {
        var user = await users.GetToChangeAsync(id, caller, ct);
        user.MustBeActive();
        if (user.EmailVerified)
        {
            return;
        }

        await using var transaction = await db.BeginOrJoinAsync(ct);
        await links.SendAsync(user, AccountLinks.VerifyEmail, user.Email!, about: null, ct);
        await events.RecordAsync(Happened(user, StatusCodes.Status202Accepted), ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <exception cref="ProblemException">400: the ticket is not good; 409: the account is closed.</exception>
    public async Task CompleteAsync(string ticket, CancellationToken ct)
    {
        var found = await tickets.FindAsync(ticket, AccountLinks.VerifyEmail, ct);
        var user = await db.Users.IgnoreQueryFilters().SingleAsync(u => u.Id == found.UserId, ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await tickets.UseAsync(found, ct);
        user.VerifyEmail(clock.GetUtcNow());
        await events.RecordAsync(Happened(user, StatusCodes.Status204NoContent), ct);
        await users.SaveAsync(user, ct);
        await transaction.CommitAsync(ct);
    }

    public static void Map(RouteGroupBuilder v1)
    {
        v1.MapGroup("/users").MapPost("/{id:guid}/email-verification", PostFor).RequireCustomer(others: Permissions.ChangeUsers).IsCostly()
            .WithName("SendEmailVerification").WithSummary("Mail the owner a link to confirm the address.");
        v1.MapGroup("/email-verifications").WithTags("Users").MapPost("/complete", PostComplete).AllowAnonymous().IsCostly()
            .WithName("VerifyEmail").WithSummary("Confirm the address of an account with the ticket of such a link.");
    }

    private static async Task<Accepted> PostFor(Guid id, VerifyEmail handler, Caller caller, CancellationToken ct)
    {
        await handler.SendAsync(id, caller, ct);
        return TypedResults.Accepted((string?)null);
    }

    private static async Task<NoContent> PostComplete(TicketRequest request, VerifyEmail handler, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await handler.CompleteAsync(request.Ticket, ct);
        return TypedResults.NoContent();
    }

    private static AuthenticationEvent Happened(User user, int status) =>
        new(AuthenticationEventKind.EmailVerification, status) { UserId = user.Id.ToString(), TenantId = user.TenantId };
}
