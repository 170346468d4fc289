namespace Users.Domain;

internal static class UserStatus
{
    public const string Active = "active";
    public const string Deactivated = "deactivated";
    public const string Erased = "erased";
}

/// <summary>An account. Every change is an event; an illegal one is refused, never ignored.</summary>
public sealed class User
{
    private readonly List<UserEvent> _raised = [];

    private User()
    {
    }

    public Guid Id { get; private init; }

    public string? TenantId { get; private init; }

    /// <summary>Normalised; null after erasure.</summary>
    public string? Email { get; private set; }

    /// <summary>Whether somebody has followed a link that was mailed to the address.</summary>
    public bool EmailVerified { get; private set; }

    public string? FullName { get; private set; }

    public string? PasswordHash { get; private set; }

    /// <summary>Whether somebody else has chosen the password: it lets nobody in before its owner has chosen another.</summary>
    public bool PasswordIsInitial { get; private set; }

    /// <summary>Since when signing in takes a one-time code beside the password; null when it does not.</summary>
    public DateTimeOffset? SecondFactorSince { get; private set; }

    public string Role { get; private set; } = "";

    public string Status { get; private set; } = UserStatus.Active;

    public string Source { get; private init; } = "";

    public DateTimeOffset RegisteredAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    /// <summary>Number of events so far.</summary>
    public long Version { get; private set; }

    /// <summary>How often all of its sessions have been ended: tokens carry it, and those of a smaller one are refused everywhere.</summary>
    public int SessionEpoch { get; private set; }

    public bool IsActive => Status == UserStatus.Active;

    /// <summary>What happened since the account was read.</summary>
    public IReadOnlyList<UserEvent> Raised => _raised;

    public static User Register(Guid id, string? tenantId, string email, string fullName, string passwordHash, string source, string role, DateTimeOffset now)
    {
        var user = new User
        {
            Id = id,
            TenantId = tenantId,
            Email = email,
            FullName = fullName,
            PasswordHash = passwordHash,
            Source = source,
            Role = role,
            RegisteredAt = now,
        };
        user.Raise(new UserRegistered(email, fullName, source, role), now);
        return user;
    }

    /// <returns>Whether anything changed.</returns>
    public bool Rename(string fullName, DateTimeOffset now)
    {
        MustBeActive();
        if (fullName == FullName)
        {
            return false;
        }

        var change = new ProfileChange("fullName", FullName, fullName);
        FullName = fullName;
        Raise(new ProfileUpdated([change]), now);
        return true;
    }

    /// <param name="email">The new address.</param>
    /// <param name="isVerified">Whether it is known to be the owner's.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether anything changed.</returns>
    public bool ChangeEmail(string email, bool isVerified, DateTimeOffset now)
    {
        MustBeActive();
        if (email == Email)
        {
            return false;
        }

        var happened = new EmailChanged(Email, email) { OldWasVerified = EmailVerified };
        (Email, EmailVerified) = (email, isVerified);
        Raise(happened, now);
        return true;
    }

    /// <returns>Whether anything changed.</returns>
    public bool VerifyEmail(DateTimeOffset now)
    {
        MustBeActive();
        if (EmailVerified)
        {
            return false;
        }

        EmailVerified = true;
        Raise(new EmailVerified(), now);
        return true;
    }

    public void ChangePassword(string passwordHash, DateTimeOffset now)
    {
        MustBeActive();
        (PasswordHash, PasswordIsInitial) = (passwordHash, false);
        Raise(new PasswordChanged(ByOperator: false), now);
    }

    /// <summary>Somebody else has chosen the password that the account begins with.</summary>
    public void PasswordWasGiven() => PasswordIsInitial = true;

    /// <summary>The same password under today's parameters of the hasher: nothing that happened to the account.</summary>
    public void Rehash(string passwordHash) => PasswordHash = passwordHash;

    public void AddSecondFactor(DateTimeOffset now)
    {
        MustBeActive();
        if (SecondFactorSince is not null)
        {
            throw new UserRefusedException(UserErrors.SecondFactorOn);
        }

        SecondFactorSince = now;
        Raise(new SecondFactorAdded(), now);
    }

    public void RemoveSecondFactor(DateTimeOffset now)
    {
        MustHaveSecondFactor();
        SecondFactorSince = null;
        Raise(new SecondFactorRemoved(), now);
    }

    /// <exception cref="UserRefusedException">It has none.</exception>
    public void MustHaveSecondFactor()
    {
        MustBeActive();
        if (SecondFactorSince is null)
        {
            throw new UserRefusedException(UserErrors.SecondFactorOff);
        }
    }

    public void ChangeRole(string role, string reason, DateTimeOffset now)
    {
        MustBeActive();
        var happened = new RoleChanged(Role, role, reason);
        Role = role;
        Raise(happened, now);
    }

    public void Deactivate(string reason, DateTimeOffset now)
    {
        MustBeActive();
        Status = UserStatus.Deactivated;
        Raise(new UserDeactivated(reason), now);
    }

    public void Reactivate(DateTimeOffset now)
    {
        if (Status != UserStatus.Deactivated)
        {
            throw new UserRefusedException(UserErrors.NotDeactivated);
        }

        Status = UserStatus.Active;
        Raise(new UserReactivated(), now);
    }

    /// <summary>Forgets the person. What remains is that there was an account.</summary>
    public void Erase(DateTimeOffset now)
    {
        (Email, FullName, PasswordHash, EmailVerified, SecondFactorSince) = (null, null, null, false, null);
        Status = UserStatus.Erased;
        Raise(new UserErased(), now);
    }

    /// <summary>What happened has been written down.</summary>
    public void Saved() => _raised.Clear();

    /// <exception cref="UserRefusedException">The account is closed.</exception>
    public void MustBeActive()
    {
        if (!IsActive)
        {
            throw new UserRefusedException(UserErrors.Deactivated);
        }
    }

    private void Raise(UserEvent happened, DateTimeOffset now)
    {
        _raised.Add(happened);
        Version++;
        if (happened.EndsSessions is not null)
        {
            SessionEpoch++;
        }

        UpdatedAt = now;
    }
}
