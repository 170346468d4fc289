using System.Globalization;
using System.Security.Claims;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using Users.Domain;
using Users.Persistence;
using Boundary = Shop.Contracts.Users.V1;
using Claims = Chassis.Web.Claims;

namespace Users.Tokens;

/// <summary>Whose session it is, as the account was when the session began or went on.</summary>
/// <param name="Id">The user.</param>
/// <param name="Role">See <see cref="Roles"/>.</param>
/// <param name="TenantId">Null when the account belongs to no tenant.</param>
/// <param name="Status">See <see cref="UserStatus"/>.</param>
/// <param name="SessionEpoch">See <see cref="User.SessionEpoch"/>.</param>
/// <param name="Version">See <see cref="User.Version"/>.</param>
internal sealed record SessionOwner(Guid Id, string Role, string? TenantId, string Status, int SessionEpoch, long Version);

/// <summary>A session as its owner sees it.</summary>
internal sealed record SessionView(Guid Id, string Client, DateTimeOffset Since);

/// <summary>
/// Who is signed in. A session is an authorization of the token server, from a sign-in to its end; its tokens name it. Whatever begins, continues or ends one
/// waits for the others of the same account: a token that is shown twice at once is seen to be, and none survives the end of all.
/// </summary>
internal sealed class Sessions(
    UsersDbContext db, IServiceProvider services, OperatorRoles roles, AuthenticationEvents events, IPublishEndpoint bus,
    IOptions<UsersSettings> settings, IOptions<AuthenticationSettings> authentication,
    TimeProvider clock)
{
    /// <summary>Claim of codes and refresh tokens: when one has to sign in again, however often the session was continued, in seconds since 1970.</summary>
    private const string SessionEnds = "session_ends";

    private SessionOwner? _owner;

    /// <summary>
    /// Begins a session, unless all sessions of the account were ended since it was read to look at the password: this one would be one of them.
    /// </summary>
    /// <param name="user">The account, as it was read to look at the password.</param>
    /// <param name="clientId">By whom.</param>
    /// <param name="scopes">What was asked for.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>What its tokens say; null when the account is not what it was.</returns>
    public async Task<ClaimsPrincipal?> BeginAsync(User user, string clientId, IEnumerable<string> scopes, CancellationToken ct)
    {
        await LockAsync(user.Id, ct);
        if (_owner is not { Status: UserStatus.Active } || _owner.SessionEpoch != user.SessionEpoch)
        {
            return null;
        }

        var now = clock.GetUtcNow();
        var principal = PrincipalOf(_owner, now, now + settings.Value.Tokens.SessionLifetime, scopes);
        var applications = services.GetRequiredService<IOpenIddictApplicationManager>();
        var authorizations = services.GetRequiredService<IOpenIddictAuthorizationManager>();
        var application = await applications.FindByClientIdAsync(clientId, ct) ?? throw new InvalidOperationException($"There is no client {clientId}.");
        var authorization = await authorizations.CreateAsync(
            principal,
            _owner.Id.ToString(),
            (await applications.GetIdAsync(application, ct))!,
            OpenIddictConstants.AuthorizationTypes.AdHoc,
            principal.GetScopes(),
            ct);
        return OfSession(principal, await authorizations.GetIdAsync(authorization, ct));
    }

    /// <summary>
    /// Continues the session that a token belongs to, with the account as it is now. The token server has locked the account before it looked at the token.
    /// </summary>
    /// <returns>What the next tokens say; null when the session has ended.</returns>
    public ClaimsPrincipal? Continue(ClaimsPrincipal token)
    {
        if (_owner is not { Status: UserStatus.Active } || token.GetClaim(Claims.SessionEpoch) != _owner.SessionEpoch.ToString(CultureInfo.InvariantCulture))
        {
            return null;
        }

        var (began, ends) = (TimeIn(token, Claims.AuthenticatedAt), TimeIn(token, SessionEnds));
        return ends <= clock.GetUtcNow() ? null : OfSession(PrincipalOf(_owner, began, ends, token.GetScopes()), token.GetAuthorizationId());
    }

    /// <summary>A token of a client that acts for itself.</summary>
    public ClaimsPrincipal OfClient(string clientId, ClientSettings client)
    {
        var identity = NewIdentity(clientId, client.Role, client.Tenant);
        identity.SetDestinations(_ => [OpenIddictConstants.Destinations.AccessToken]);
        return new ClaimsPrincipal(identity).SetResources(authentication.Value.Audience);
    }

    /// <summary>
    /// Opens the transaction in which a session begins or goes on, and makes everybody else who has to do with sessions of the account wait for its end: the
    /// account before any row of its sessions, so that nobody waits in a circle. What was read before is forgotten.
    /// </summary>
    public async Task LockAsync(Guid userId, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is null)
        {
            await db.Database.BeginTransactionAsync(ct);
        }

        _owner = await OwnerAsync(userId, ct);
        db.ChangeTracker.Clear();
    }

    /// <summary>
    /// Ends the session of a code or refresh token that was shown again after its use, if it was; within the grace of a refresh token only when its successor
    /// was used.
    /// </summary>
    /// <param name="tokenId">Its id at the token server.</param>
    /// <param name="clientId">By whom it was shown.</param>
    /// <param name="ct">Cancels.</param>
    public async Task NoteReuseAsync(string tokenId, string? clientId, CancellationToken ct)
    {
        var (id, graceBegan) = (Guid.Parse(tokenId), (clock.GetUtcNow() - settings.Value.Tokens.RefreshGrace).UtcDateTime);
        if (await db.Database.SqlQuery<Guid?>(
            $"""
            SELECT t.authorization_id AS "Value" FROM oauth_tokens t
            WHERE t.id = {id} AND t.status = 'redeemed'
                AND (t.type NOT LIKE '%refresh_token' OR t.redemption_date <= {graceBegan}
                    OR EXISTS (SELECT FROM oauth_tokens s WHERE s.authorization_id = t.authorization_id AND s.redemption_date > t.redemption_date))
            """).SingleOrDefaultAsync(ct) is { } sessionId)
        {
            // Its tokens are the token server's to revoke, which goes on to look at them.
            await db.Database.ExecuteSqlAsync($"UPDATE oauth_authorizations SET status = 'revoked' WHERE id = {sessionId}", ct);
            await TellAsync(_owner!, sessionId, ct);
            await events.RecordAsync(
                new AuthenticationEvent(AuthenticationEventKind.RefreshTokenReuse, StatusCodes.Status400BadRequest)
                {
                    UserId = _owner?.Id.ToString(), TenantId = _owner?.TenantId, ClientId = clientId,
                },
                ct);
        }
    }

    /// <summary>Keeps what the token server has written, before its answer leaves.</summary>
    public async Task CommitAsync(CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is { } transaction)
        {
            await transaction.CommitAsync(ct);
            await transaction.DisposeAsync();
        }
    }

    /// <summary>
    /// Ends every session of a user, inside the caller's transaction, which changes the account: a session that begins in this moment sees that change or is
    /// ended here.
    /// </summary>
    public async Task EndAllAsync(Guid userId, CancellationToken ct)
    {
        await OwnerAsync(userId, ct);
        var subject = userId.ToString();
        await db.Tokens.Where(t => t.Subject == subject).ExecuteDeleteAsync(ct);
        await db.Authorizations.Where(a => a.Subject == subject).ExecuteDeleteAsync(ct);
    }

    /// <summary>The sessions of a user, the latest first.</summary>
    public async Task<IReadOnlyList<SessionView>> ListAsync(Guid userId, CancellationToken ct)
    {
        var subject = userId.ToString();
        return await Valid(subject).OrderByDescending(a => a.CreationDate)
            .Select(a => new SessionView(a.Id, a.Application!.ClientId!, new DateTimeOffset(a.CreationDate!.Value))).ToListAsync(ct);
    }

    /// <summary>Ends one session of a user, whose access tokens every service refuses within seconds.</summary>
    /// <returns>Whether there was one.</returns>
    public async Task<bool> EndAsync(Guid userId, Guid sessionId, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var user = await OwnerAsync(userId, ct);
        var subject = userId.ToString();
        await db.Tokens.Where(t => t.Subject == subject && t.Authorization!.Id == sessionId).ExecuteDeleteAsync(ct);
        var ended = await db.Authorizations.Where(a => a.Subject == subject && a.Id == sessionId).ExecuteDeleteAsync(ct);
        if (ended > 0)
        {
            await TellAsync(user!, sessionId, ct);
        }

        await transaction.CommitAsync(ct);
        return ended > 0;
    }

    private async Task TellAsync(SessionOwner user, Guid sessionId, CancellationToken ct)
    {
        using var _ = OperationContext.BeginTenant(user.TenantId);
        await bus.PublishEventAsync(new Boundary.UserSessionEnded(user.Id, sessionId, clock.GetUtcNow()), user.Version, ct);
        await db.SaveChangesAsync(ct);
    }

    private IQueryable<OpenIddict.EntityFrameworkCore.Models.OpenIddictEntityFrameworkCoreAuthorization<Guid>> Valid(string subject)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return db.Authorizations.Where(a => a.Subject == subject && a.Status == OpenIddictConstants.Statuses.Valid)
            .Where(a => a.Tokens.Any(t => t.Status == OpenIddictConstants.Statuses.Valid && t.ExpirationDate > now));
    }

    private Task<SessionOwner?> OwnerAsync(Guid userId, CancellationToken ct) => db.Database.SqlQuery<SessionOwner>(
        $"""
        SELECT id AS "Id", role AS "Role", tenant_id AS "TenantId", status AS "Status", session_epoch AS "SessionEpoch", version AS "Version"
        FROM users WHERE id = {userId} FOR NO KEY UPDATE
        """).SingleOrDefaultAsync(ct);

    // They name the subject and say nothing else about the person.
    private ClaimsPrincipal PrincipalOf(SessionOwner user, DateTimeOffset began, DateTimeOffset ends, IEnumerable<string> scopes)
    {
        var identity = NewIdentity(user.Id.ToString(), user.Role, user.TenantId);
        identity.SetClaim(Claims.SessionEpoch, (long)user.SessionEpoch)
            .SetClaim(Claims.AuthenticatedAt, began.ToUnixTimeSeconds())
            .SetClaim(SessionEnds, ends.ToUnixTimeSeconds());
        var untilThen = ends - clock.GetUtcNow();
        var unused = settings.Value.Tokens.RefreshTokenLifetime;
        return new ClaimsPrincipal(identity)
            .SetScopes(scopes)
            .SetResources(authentication.Value.Audience)
            .SetRefreshTokenLifetime(unused < untilThen ? unused : untilThen);
    }

    private static ClaimsPrincipal OfSession(ClaimsPrincipal principal, string? sessionId)
    {
        principal.SetAuthorizationId(sessionId).SetClaim(Claims.SessionId, sessionId);
        principal.SetDestinations(claim => claim.Type switch
        {
            SessionEnds => [],
            Claims.Subject or Claims.SessionId or Claims.AuthenticatedAt =>
                [OpenIddictConstants.Destinations.AccessToken, OpenIddictConstants.Destinations.IdentityToken],
            _ => [OpenIddictConstants.Destinations.AccessToken],
        });
        return principal;
    }

    private static DateTimeOffset TimeIn(ClaimsPrincipal token, string claim) =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(token.GetClaim(claim) ?? "0", CultureInfo.InvariantCulture));

    private ClaimsIdentity NewIdentity(string subject, string role, string? tenant) =>
        new ClaimsIdentity("token-server", Claims.Subject, Claims.Role).SetClaim(Claims.Subject, subject).SetClaim(Claims.Role, role).SetClaim(
            Claims.Tenant, tenant)
            .SetClaims(Claims.Permissions, [.. roles.PermissionsOf(role)]);
}
