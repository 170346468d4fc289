namespace Chassis.Web;

/// <summary>What happens at the doors. The name in the audit is the same in kebab case, such as <c>sign-in</c>.</summary>
public enum AuthenticationEventKind
{
    /// <summary>Somebody signed in, or tried to.</summary>
    SignIn,

    /// <summary>A second factor was asked for and given, or not.</summary>
    SecondFactor,

    /// <summary>A service or a partner showed its secret, the right one or not.</summary>
    ClientSignIn,

    /// <summary>A session was continued, or was not.</summary>
    Refresh,

    /// <summary>A refresh token was shown again that had been used already: somebody has a copy.</summary>
    RefreshTokenReuse,

    /// <summary>Somebody signed out.</summary>
    SignOut,

    /// <summary>All sessions of an account were ended.</summary>
    SessionsEnd,

    /// <summary>An account has to wait after too many failures.</summary>
    Lockout,

    /// <summary>A password was changed, or was not.</summary>
    PasswordChange,

    /// <summary>A forgotten password was asked to be replaced, or was replaced.</summary>
    PasswordReset,

    /// <summary>The address with which somebody signs in was changed, or was not.</summary>
    EmailChange,

    /// <summary>An address was shown to be its owner's, or a link for that was asked for.</summary>
    EmailVerification,
}

/// <summary>One event of authentication.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Status">HTTP status of the answer: below 400 when it succeeded.</param>
public sealed record AuthenticationEvent(AuthenticationEventKind Kind, int Status)
{
    /// <summary>Whose account it is; null when nobody knows.</summary>
    public string? UserId { get; init; }

    /// <summary>
    /// The account as the caller wrote it, in its normal form. The audit keeps a keyed hash of it, so that tries can be counted and nobody can be read.
    /// </summary>
    public string? Account { get; init; }

    public string? ClientId { get; init; }

    public string? TenantId { get; init; }
}
