using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;
using Users.Persistence;

namespace Users;

/// <summary>Section <c>Users</c>.</summary>
public sealed partial record UsersSettings : IValidatableObject
{
    public const string Section = "Users";

    /// <summary>Whether this service issues tokens. False when another identity provider does; then its keys are found by discovery here too.</summary>
    public bool IssueTokens { get; init; } = true;

    /// <summary>
    /// Whether our own front end may exchange e-mail and password for tokens (<c>grant_type=password</c>), which OAuth 2.1 has no more: it teaches people to
    /// type their password anywhere. By default in development only.
    /// </summary>
    public bool? PasswordGrant { get; init; }

    /// <summary>
    /// Whether an address has to be shown to be its owner's: until then nothing but the link for that is mailed there, and another address counts from the
    /// moment when it is confirmed. By default everywhere but in development.
    /// </summary>
    public bool? VerifyEmail { get; init; }

    /// <summary>
    /// Whether a password that somebody else has chosen, as that of the first operator, has to be replaced before it lets anybody in. By default everywhere but
    /// in development.
    /// </summary>
    public bool? ReplaceGivenPasswords { get; init; }

    /// <summary>
    /// The pages of a front end that links in mails lead to, with <c>#ticket=</c>, by what they do: <c>reset-password</c>, <c>verify-email</c>,
    /// <c>confirm-email</c>,
    /// <c>undo-email-change</c>. Default: those of this service.
    /// </summary>
    public Dictionary<string, Uri> Pages { get; init; } = [];

    /// <summary>Tenant of whoever registers without belonging to one.</summary>
    public string? DefaultTenant { get; init; }

    public OperatorSettings? Operator { get; init; }

    public TokenSettings Tokens { get; init; } = new();

    public PasswordSettings Passwords { get; init; } = new();

    public ThrottleSettings Throttle { get; init; } = new();

    public SecondFactorSettings SecondFactor { get; init; } = new();

    /// <summary>
    /// Roles of operators, each with its permissions, beside <c>operator</c>, which has all: <c>catalogue-manager</c>, <c>warehouse</c>, <c>support</c>,
    /// <c>on-call</c> and
    /// <c>auditor</c> are there without this, and are others with it.
    /// </summary>
    public Dictionary<string, string[]> Roles { get; init; } = [];

    /// <summary>Services and partners that get tokens of their own, by client id.</summary>
    public Dictionary<string, ClientSettings> Clients { get; init; } = [];

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var roles = new OperatorRoles(Roles);
        foreach (var (role, permissions) in Roles)
        {
            if (!RoleName().IsMatch(role) || role is Chassis.Web.Roles.Customer or Chassis.Web.Roles.Operator)
            {
                yield return new ValidationResult(
                    "has a name that is none: lower-case letters, digits and hyphens, and neither customer nor operator.", [$"{nameof(Roles)}:{role}"]);
            }

            if (permissions.Length == 0 || permissions.Any(p => !PermissionName().IsMatch(p)))
            {
                yield return new ValidationResult("must list permissions, such as stock.read.", [$"{nameof(Roles)}:{role}"]);
            }
        }

        foreach (var (id, client) in Clients.Where(c => !roles.Exists(c.Value.Role)))
        {
            yield return new ValidationResult($"is no role: {client.Role}.", [$"{nameof(Clients)}:{id}:{nameof(ClientSettings.Role)}"]);
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,39}$")]
    private static partial Regex RoleName();

    [GeneratedRegex("^[a-z-]+([.][a-z-]+)*$")]
    private static partial Regex PermissionName();
}

/// <summary>The first operator, made at the first start-up that has it.</summary>
public sealed record OperatorSettings
{
    public string Email { get; init; } = "";

    public string Password { get; init; } = "";

    public string FullName { get; init; } = "Operator";
}

public sealed record TokenSettings
{
    /// <summary>At most half of what services remember the ends of sessions for.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "12:00:00")]
    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>A refresh token that is not used for so long is void.</summary>
    public TimeSpan RefreshTokenLifetime { get; init; } = TimeSpan.FromDays(14);

    /// <summary>
    /// So long after its use a refresh token is taken once more, by two tabs that woke up together or by whoever never got the answer, unless its successor was
    /// used by then. Zero for never: the first repetition ends the session.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan RefreshGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Whoever has signed in so lately may change the address or erase the account without the password.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan FreshFor { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>After so long one has to sign in again, however often the token was refreshed.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromDays(90);

    /// <summary>A signing key signs for so long before the next one takes over.</summary>
    public TimeSpan KeyLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The next key is published so long before it signs, so that everybody knows it by then.</summary>
    public TimeSpan KeyAnnouncement { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often the keys are looked at.</summary>
    public TimeSpan KeyCheckInterval { get; init; } = TimeSpan.FromSeconds(30);
}

public sealed record PasswordSettings
{
    /// <summary>Iterations of PBKDF2 with HMAC-SHA-512 and a salt of 128 bits. OWASP asks for 210,000.</summary>
    [Range(1000, 10_000_000)]
    public int Iterations { get; init; } = 210_000;

    [Range(8, 64)]
    public int MinLength { get; init; } = 8;

    [Range(64, Passwords.PasswordRules.Longest)]
    public int MaxLength { get; init; } = 128;

    /// <summary>Words that nobody may take, with or without a number behind: the name of the shop, of what it sells.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];
}

public sealed record SecondFactorSettings
{
    /// <summary>
    /// Whether operators of every role need one-time codes to sign in; who has none yet sets them up on the sign-in page. By default everywhere but in
    /// development.
    /// </summary>
    public bool? Required { get; init; }

    /// <summary>What an app shows beside the codes.</summary>
    [Required]
    public string Issuer { get; init; } = "Shop";
}

public sealed record ThrottleSettings
{
    /// <summary>Failures that an account may have before it has to wait.</summary>
    [Range(1, 100)]
    public int AccountFailures { get; init; } = 10;

    /// <summary>Failures that a network (an address of IPv4, a /64 of IPv6) may have before it has to wait.</summary>
    [Range(1, 100_000)]
    public int AddressFailures { get; init; } = 100;

    /// <summary>The first wait; it doubles with every further failure.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(15);

    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Failures are forgotten after so long without another: much longer than the longest wait, or each wait would begin the count anew.</summary>
    public TimeSpan Memory { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A network from which nobody has signed in to an account for so long is a stranger's to it again.</summary>
    public TimeSpan NetworkMemory { get; init; } = TimeSpan.FromDays(30);
}

/// <summary>With a secret a client gets tokens for itself; with addresses to return to, people sign in through it.</summary>
public sealed record ClientSettings : IValidatableObject
{
    /// <summary>
    /// At least 16 characters: what a client has instead of a person's password may not be guessed. None for what runs in a browser or on a telephone and can
    /// keep none.
    /// </summary>
    [MinLength(16)]
    public string? Secret { get; init; }

    /// <summary>What people read when they sign in through it. Default: its id.</summary>
    public string? Name { get; init; }

    /// <summary>Where people are sent back to when they have signed in, or out; compared to the letter.</summary>
    public IReadOnlyList<Uri> RedirectUris { get; init; } = [];

    /// <summary><c>customer</c>, <c>operator</c>, or one of <see cref="UsersSettings.Roles"/>.</summary>
    [Required]
    public string Role { get; init; } = "customer";

    public string? Tenant { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Secret is null && RedirectUris.Count == 0)
        {
            yield return new ValidationResult("is missing; a client without one needs RedirectUris.", [nameof(Secret)]);
        }

        if (RedirectUris.Any(uri => !uri.IsAbsoluteUri || uri.Fragment.Length > 0 || uri is { Scheme: "http", IsLoopback: false }))
        {
            yield return new ValidationResult("must be absolute, without a fragment, and https, if not to this machine.", [nameof(RedirectUris)]);
        }
    }
}
