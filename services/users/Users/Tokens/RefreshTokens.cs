using System.Buffers.Text;
using System.Security.Cryptography;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Users.Domain;
using Users.Persistence;

namespace Users.Tokens;

/// <summary>One refresh token. The database knows only its hash.</summary>
public sealed class RefreshToken
{
    public required byte[] TokenHash { get; init; }

    /// <summary>The sign-in that it descends from.</summary>
    public required Guid FamilyId { get; init; }

    public required Guid UserId { get; init; }

    public required string ClientId { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public required DateTimeOffset FamilyExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}

/// <summary>Whose session it is, as the account was when the session began or went on.</summary>
/// <param name="Id">The user.</param>
/// <param name="Role">See <see cref="Chassis.Web.Roles"/>.</param>
/// <param name="TenantId">Null when the account belongs to no tenant.</param>
/// <param name="Status">See <see cref="UserStatus"/>.</param>
/// <param name="SessionEpoch">See <see cref="User.SessionEpoch"/>.</param>
public sealed record SessionOwner(Guid Id, string Role, string? TenantId, string Status, int SessionEpoch);

/// <summary>Rotating refresh tokens: each works once. One that comes back has been stolen, or its successor has: the whole family ends.</summary>
public sealed partial class RefreshTokens(
    UsersDbContext db, AuthenticationEvents events, IOptions<UsersSettings> settings, TimeProvider clock, ILogger<RefreshTokens> logger)
{
    private const int MaxLength = 128;

    /// <summary>Starts a family, unless all sessions of the account were ended since it was read to look at the password: this one would be one of them.</summary>
    /// <param name="user">The account, as it was read to look at the password.</param>
    /// <param name="clientId">By whom.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The token and whose it is; null when the account is not what it was.</returns>
    public async Task<(SessionOwner Owner, string Token)?> IssueAsync(User user, string clientId, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await LockAsync(user.Id, cancellationToken) is not { Status: UserStatus.Active } owner || owner.SessionEpoch != user.SessionEpoch)
        {
            return null;
        }

        var token = Add(user.Id, clientId, Ids.New(clock), clock.GetUtcNow() + settings.Value.Tokens.SessionLifetime);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (owner, token);
    }

    /// <returns>The successor and whose it is; null when the token is not good, or the account is not active.</returns>
    public async Task<(SessionOwner Owner, string Token)?> RotateAsync(string token, string clientId, CancellationToken cancellationToken)
    {
        if (token.Length > MaxLength)
        {
            return null;
        }

        var hash = Hash(token);
        var now = clock.GetUtcNow();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var userId = await db.RefreshTokens.AsNoTracking().Where(t => t.TokenHash == hash).Select(t => (Guid?)t.UserId).SingleOrDefaultAsync(cancellationToken);
        if (userId is null || await LockAsync(userId.Value, cancellationToken) is not { Status: UserStatus.Active } owner)
        {
            return null;
        }

        var row = await db.RefreshTokens.FromSql($"SELECT * FROM refresh_tokens WHERE token_hash = {hash} FOR UPDATE").SingleOrDefaultAsync(cancellationToken);
        if (row is null || row.ClientId != clientId || row.RevokedAt is not null || row.ExpiresAt <= now)
        {
            return null;
        }

        if (row.UsedAt is not null)
        {
            await db.RefreshTokens.Where(t => t.FamilyId == row.FamilyId && t.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(t => t.RevokedAt, now), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            await events.RecordAsync(
                new AuthenticationEvent(AuthenticationEventKind.RefreshTokenReuse, StatusCodes.Status400BadRequest) { UserId = row.UserId.ToString(), TenantId = owner.TenantId, ClientId = clientId },
                cancellationToken);
            LogReuse(logger, row.FamilyId, row.UserId);
            return null;
        }

        row.UsedAt = now;
        var successor = Add(row.UserId, clientId, row.FamilyId, row.FamilyExpiresAt);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (owner, successor);
    }

    /// <summary>Ends every session of a user, inside the caller's transaction, which changes the account: a session that begins in this moment sees that change or is ended here.</summary>
    public async Task RevokeAllAsync(Guid userId, CancellationToken cancellationToken)
    {
        await LockAsync(userId, cancellationToken);
        await db.RefreshTokens.Where(t => t.UserId == userId).ExecuteDeleteAsync(cancellationToken);
    }

    // Always before a row of the tokens, so that nobody waits in a circle.
    private Task<SessionOwner?> LockAsync(Guid userId, CancellationToken cancellationToken) => db.Database.SqlQuery<SessionOwner>(
        $"""
        SELECT id AS "Id", role AS "Role", tenant_id AS "TenantId", status AS "Status", session_epoch AS "SessionEpoch"
        FROM users WHERE id = {userId} FOR NO KEY UPDATE
        """).SingleOrDefaultAsync(cancellationToken);

    private string Add(Guid userId, string clientId, Guid familyId, DateTimeOffset familyExpiresAt)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var now = clock.GetUtcNow();
        var expires = now + settings.Value.Tokens.RefreshTokenLifetime;
        db.RefreshTokens.Add(new RefreshToken
        {
            TokenHash = Hash(token),
            FamilyId = familyId,
            UserId = userId,
            ClientId = clientId,
            IssuedAt = now,
            ExpiresAt = expires < familyExpiresAt ? expires : familyExpiresAt,
            FamilyExpiresAt = familyExpiresAt,
        });
        return token;
    }

    private static byte[] Hash(string token) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(token));

    [LoggerMessage(2004, LogLevel.Warning, "A refresh token of family {FamilyId} of user {UserId} came back after its use; the family is revoked.")]
    private static partial void LogReuse(ILogger logger, Guid familyId, Guid userId);
}
