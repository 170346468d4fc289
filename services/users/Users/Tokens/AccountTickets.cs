using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>One ticket. The database knows only its hash.</summary>
public sealed class AccountTicket
{
    public required byte[] TicketHash { get; init; }

    public required Guid UserId { get; init; }

    public required string Purpose { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Tickets that are mailed to the owner of an account: whoever has one may do one thing, once, within a short time.</summary>
public sealed class AccountTickets(UsersDbContext db, TimeProvider clock)
{
    /// <summary>Sets another password.</summary>
    public const string ResetPassword = "reset-password";

    /// <summary>Tickets of one account at a time: whoever asks again and again, for somebody else perhaps, does not fill a mailbox.</summary>
    private const int AtATime = 3;

    /// <returns>The ticket; null when the account has enough of them.</returns>
    /// <param name="userId">Whose account.</param>
    /// <param name="purpose">What it is for.</param>
    /// <param name="lifetime">How long it is good.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<string?> IssueAsync(Guid userId, string purpose, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        await db.Database.ExecuteSqlAsync($"SELECT FROM users WHERE id = {userId} FOR NO KEY UPDATE", cancellationToken);
        if (await db.Tickets.CountAsync(t => t.UserId == userId && t.Purpose == purpose && t.ExpiresAt > now, cancellationToken) >= AtATime)
        {
            return null;
        }

        var ticket = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        db.Tickets.Add(new AccountTicket { TicketHash = Hash(ticket), UserId = userId, Purpose = purpose, IssuedAt = now, ExpiresAt = now + lifetime });
        return ticket;
    }

    /// <summary>Whose it is, without using it.</summary>
    /// <exception cref="ProblemException">400: it is none, was used, or its time is over.</exception>
    public async Task<Guid> FindAsync(string ticket, string purpose, CancellationToken cancellationToken)
    {
        var (hash, now) = (Hash(ticket), clock.GetUtcNow());
        return await db.Tickets.Where(t => t.TicketHash == hash && t.Purpose == purpose && t.ExpiresAt > now).Select(t => (Guid?)t.UserId).SingleOrDefaultAsync(cancellationToken)
            ?? throw Invalid();
    }

    /// <summary>Uses it, and ends all others of the account, inside the caller's transaction.</summary>
    /// <exception cref="ProblemException">400: somebody else has used it since.</exception>
    public async Task UseAsync(string ticket, Guid userId, CancellationToken cancellationToken)
    {
        var hash = Hash(ticket);
        if (await db.Tickets.Where(t => t.TicketHash == hash).ExecuteDeleteAsync(cancellationToken) == 0)
        {
            throw Invalid();
        }

        await EndAllAsync(userId, cancellationToken);
    }

    /// <summary>Ends all of an account.</summary>
    public Task EndAllAsync(Guid userId, CancellationToken cancellationToken) => db.Tickets.Where(t => t.UserId == userId).ExecuteDeleteAsync(cancellationToken);

    /// <summary>Removes those whose time is over.</summary>
    public Task SweepAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        return db.Tickets.Where(t => t.ExpiresAt < now).ExecuteDeleteAsync(cancellationToken);
    }

    private static ProblemException Invalid() => new(StatusCodes.Status400BadRequest, "ticket_invalid", "The link was used already, or its time is over. Ask for another one.");

    private static byte[] Hash(string ticket) => SHA256.HashData(Encoding.UTF8.GetBytes(ticket));
}
