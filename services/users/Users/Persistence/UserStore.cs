using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Users.Domain;
using Users.Tokens;
using Boundary = Shop.Contracts.Users.V1;

namespace Users.Persistence;

/// <summary>
/// The unit of work of an account: state, history, read model and outgoing boundary events are written in one transaction.
/// </summary>
internal sealed class UserStore(
    UsersDbContext db, Sessions sessions, AccountTickets tickets, AccountRules rules, OperatorRoles roles, AuthenticationEvents events,
    IPublishEndpoint bus, Envelope envelope, UserMetrics metrics,
    TimeProvider clock)
{
    /// <summary>The account, for a caller who may see it.</summary>
    /// <exception cref="ProblemException">404: there is none, it is somebody else's, another tenant's, or erased.</exception>
    public async Task<User> GetAsync(Guid id, Caller caller, CancellationToken ct)
    {
        caller.MustSee(id);
        return await db.Users.SingleOrDefaultAsync(u => u.Id == id && u.Status != UserStatus.Erased, ct)
            ?? throw ProblemException.NotFound("There is no such user.");
    }

    /// <summary>The account, for a caller who may change it.</summary>
    /// <exception cref="ProblemException">As in <see cref="GetAsync"/>; 403: it is that of an operator who may do more.</exception>
    public async Task<User> GetToChangeAsync(Guid id, Caller caller, CancellationToken ct)
    {
        var user = await GetAsync(id, caller, ct);
        if (caller.UserId != id)
        {
            roles.MustHold(caller, user.Role);
        }

        return user;
    }

    /// <exception cref="ProblemException">409: the address is taken.</exception>
    public async Task AddAsync(User user, CancellationToken ct)
    {
        var key = UserHistory.NewKey();
        db.Users.Add(user);
        db.Keys.Add(new UserKey { UserId = user.Id, WrappedKey = SecretBox.DataKeys.Seal(envelope, user.Id.ToString(), key) });
        await SaveAsync(user, key, ct);
    }

    /// <exception cref="ProblemException">409: the address is taken, or somebody else changed the account at the same time.</exception>
    public async Task SaveAsync(User user, CancellationToken ct) =>
        await SaveAsync(user, await KeyAsync(user.Id, ct), ct);

    /// <summary>Tells the other services once more that somebody is erased, for one that does not know it any more.</summary>
    public async Task TellErasedAgainAsync(User user, CancellationToken ct)
    {
        using var _ = OperationContext.BeginTenant(user.TenantId);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await PublishFactAsync(user, new UserErased(), user.Version, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
    }

    /// <summary>The data key of a user; null after erasure.</summary>
    public async Task<byte[]?> KeyAsync(Guid userId, CancellationToken ct) =>
        await db.Keys.SingleOrDefaultAsync(k => k.UserId == userId, ct) is { } row && db.Entry(row).State != EntityState.Deleted
            ? SecretBox.DataKeys.Open(envelope, userId.ToString(), row.WrappedKey)
            : null;

    public static ProblemException EmailTaken() => ProblemException.Conflict("email_taken", "There is an account with this e-mail address.");

    private async Task SaveAsync(User user, byte[]? key, CancellationToken ct)
    {
        // The account's, not that of whoever acts on it.
        using var _ = OperationContext.BeginTenant(user.TenantId);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (user.Raised.Any(e => e is UserRegistered))
        {
            metrics.Created(db, user.TenantId);
        }

        if (user.Raised.Any(e => e.EndsSessions is not null))
        {
            await sessions.EndAllAsync(user.Id, ct);
            await (user.IsActive ? tickets.EndAsync(user.Id, ct) : tickets.EndAllAsync(user.Id, ct));
            await events.RecordAsync(
                new AuthenticationEvent(AuthenticationEventKind.SessionsEnd, StatusCodes.Status200OK) { UserId = user.Id.ToString(), TenantId = user.TenantId },
                ct);
        }

        var version = user.Version - user.Raised.Count;
        foreach (var happened in user.Raised)
        {
            version++;
            db.History.Add(UserHistory.Write(user, happened, version, key, Ids.New(clock)));
            await ProjectAsync(user, happened, version, ct);
            await PublishAsync(user, happened, version, ct);
        }

        user.Saved();
        try
        {
            await db.SaveChangesAsync(ct);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { ConstraintName: "users_email" })
        {
            throw EmailTaken();
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>The user list must be current when the answer arrives, so it is written here.</summary>
    private async Task ProjectAsync(User user, UserEvent happened, long version, CancellationToken ct)
    {
        if (happened is UserRegistered)
        {
            db.List.Add(new ListEntry
            {
                Id = user.Id,
                TenantId = user.TenantId,
                Email = user.Email!,
                FullName = user.FullName!,
                SearchText = SearchText(user),
                Status = user.Status,
                Role = user.Role,
                Source = user.Source,
                RegisteredAt = user.RegisteredAt,
                EmailVerified = user.EmailVerified,
                Version = version,
            });
            return;
        }

        var entry = await db.List.IgnoreQueryFilters().Where(e => e.Id == user.Id).StillThereAsync(ct);
        if (happened is UserErased)
        {
            db.List.Remove(entry);
            return;
        }

        (entry.Email, entry.EmailVerified, entry.FullName, entry.SearchText, entry.Status, entry.Role, entry.Version) =
            (user.Email!, user.EmailVerified, user.FullName!, SearchText(user), user.Status, user.Role, version);
    }

    /// <summary>What the rest of the world learns: the one translation from core to boundary events.</summary>
    private async Task PublishAsync(User user, UserEvent happened, long version, CancellationToken ct)
    {
        await PublishFactAsync(user, happened, version, ct);
        if (happened.EndsSessions is { } reason)
        {
            await bus.PublishEventAsync(new Boundary.UserSessionsEnded(user.Id, user.SessionEpoch, reason, user.UpdatedAt), version, ct);
        }
    }

    internal Task PublishFactAsync(User user, UserEvent happened, long version, CancellationToken ct) => happened switch
    {
        UserRegistered e => bus.PublishEventAsync(
            new Boundary.UserRegistered(user.Id, e.Email!, e.FullName!, e.Source, user.RegisteredAt, EmailVerified: Told(user.EmailVerified)), version, ct),
        ProfileUpdated e => bus.PublishEventAsync(
            new Boundary.UserProfileUpdated(user.Id, [.. e.Changes!.Select(c => new Boundary.FieldChange(c.Field, c.OldValue, c.NewValue))], user.UpdatedAt),
            version,
            ct),
        EmailChanged e => bus.PublishEventAsync(
            new Boundary.UserEmailChanged(user.Id, e.OldEmail!, e.NewEmail!, user.UpdatedAt, Told(e.OldWasVerified)), version, ct),
        EmailVerified => bus.PublishEventAsync(new Boundary.UserEmailVerified(user.Id, user.Email!, user.UpdatedAt), version, ct),
        UserDeactivated e => bus.PublishEventAsync(new Boundary.UserDeactivated(user.Id, e.Reason!, user.UpdatedAt), version, ct),
        UserReactivated => bus.PublishEventAsync(new Boundary.UserReactivated(user.Id, user.UpdatedAt), version, ct),
        UserErased => bus.PublishEventAsync(new Boundary.UserErased(user.Id, user.UpdatedAt), version, ct),
        PasswordChanged or RoleChanged or SecondFactorAdded or SecondFactorRemoved => Task.CompletedTask,
        _ => throw new InvalidOperationException($"{happened.GetType().Name} has no translation."),
    };

    // Left out where it makes no difference.
    private bool? Told(bool isVerified) => isVerified || !rules.AddressesAreVerified ? null : false;

    private static string SearchText(User user) => $"{user.Email} {user.FullName}".ToLowerInvariant();
}
