using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Chassis;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>Tickets that are mailed to the owner of an account: whoever has one may do one thing, once, within a short time.</summary>
internal sealed class AccountTickets(UsersDbContext db, TimeProvider clock)
{
    /// <summary>Characters; none of ours has as many.</summary>
    public const int MaxLength = 100;

    /// <summary>Tickets of one account at a time: whoever asks again and again, for somebody else perhaps, does not fill a mailbox.</summary>
    private const int AtATime = 3;

    /// <returns>The ticket; null when the account has enough of them.</returns>
    /// <param name="userId">Whose account.</param>
    /// <param name="purpose">What it is for.</param>
    /// <param name="email">The address that it is about, when that is not the one of the account.</param>
    /// <param name="lifetime">How long it is good.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<string?> IssueAsync(Guid userId, string purpose, string? email, TimeSpan lifetime, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await db.Database.ExecuteSqlAsync($"SELECT FROM users WHERE id = {userId} FOR NO KEY UPDATE", ct);
        if (await db.Tickets.CountAsync(t => t.UserId == userId && t.Purpose == purpose && t.ExpiresAt > now, ct) >= AtATime)
        {
            return null;
        }

        var ticket = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        db.Tickets.Add(new AccountTicket
        {
            TicketHash = Hash(ticket), UserId = userId, Purpose = purpose, Email = email, IssuedAt = now, ExpiresAt = now + lifetime,
        });
        return ticket;
    }

    /// <summary>Whose it is, without using it.</summary>
    /// <exception cref="ProblemException">400: it is none, was used, or its time is over.</exception>
    public async Task<AccountTicket> FindAsync(string ticket, string purpose, CancellationToken ct)
    {
        var (hash, now) = (Hash(ticket), clock.GetUtcNow());
        return await db.Tickets.AsNoTracking().SingleOrDefaultAsync(t => t.TicketHash == hash && t.Purpose == purpose && t.ExpiresAt > now, ct)
            ?? throw Invalid();
    }

    /// <summary>Uses it, inside the caller's transaction.</summary>
    /// <exception cref="ProblemException">400: somebody else has used it since.</exception>
    public async Task UseAsync(AccountTicket ticket, CancellationToken ct)
    {
        if (await db.Tickets.Where(t => t.TicketHash == ticket.TicketHash).ExecuteDeleteAsync(ct) == 0)
        {
            throw Invalid();
        }
    }

    /// <summary>Ends those of an account that has changed. What its owner of before may undo, whoever has it now does not take away.</summary>
    public Task EndAsync(Guid userId, CancellationToken ct) =>
        db.Tickets.Where(t => t.UserId == userId && t.Purpose != AccountLinks.UndoEmailChange).ExecuteDeleteAsync(ct);

    /// <summary>Ends all of an account.</summary>
    public Task EndAllAsync(Guid userId, CancellationToken ct) => db.Tickets.Where(t => t.UserId == userId).ExecuteDeleteAsync(ct);

    /// <summary>Removes those whose time is over.</summary>
    public Task SweepAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return db.Tickets.Where(t => t.ExpiresAt < now).ExecuteDeleteAsync(ct);
    }

    private static ProblemException Invalid() =>
        new(StatusCodes.Status400BadRequest, "ticket_invalid", "The link was used already, or its time is over. Ask for another one.");

    private static byte[] Hash(string ticket) => SHA256.HashData(Encoding.UTF8.GetBytes(ticket));
}
