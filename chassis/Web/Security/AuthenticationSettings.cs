using System.ComponentModel.DataAnnotations;

namespace Chassis.Web;

/// <summary>Whose tokens are accepted. Section <c>Authentication</c>.</summary>
public sealed record AuthenticationSettings : IValidatableObject, IForDevelopment
{
    public const string Section = "Authentication";

    /// <summary>Base URL of the issuer; its discovery document is at <c>/.well-known/openid-configuration</c>.</summary>
    [Required]
    public string Authority { get; init; } = "";

    /// <summary>Value of <c>iss</c>, when it is not the authority itself: inside a network of containers an issuer is reached by another name.</summary>
    public string? Issuer { get; init; }

    public string Audience { get; init; } = "shop";

    /// <summary>Values of <c>typ</c> that count as an access token. Some providers write <c>JWT</c>; accept it only from those.</summary>
    public IReadOnlyList<string> TokenTypes { get; init; } = [];

    /// <summary>Claim that holds the roles.</summary>
    public string RoleClaim { get; init; } = Claims.Role;

    /// <summary>Claim that holds what an operator of a smaller role than <c>operator</c> may do.</summary>
    public string PermissionClaim { get; init; } = Claims.Permissions;

    public string TenantClaim { get; init; } = Claims.Tenant;

    /// <summary>
    /// Whether a token has to name a tenant. Without it whoever has none belongs to the installation, also where an identity provider only calls the claim
    /// otherwise.
    /// </summary>
    public bool RequireTenant { get; init; }

    /// <summary>Role of operators of the installation where a tenant is required: their tokens name none.</summary>
    [Required]
    public string SystemOperatorRole { get; init; } = "system-operator";

    /// <summary>For development: an issuer without TLS. A loopback address needs no permission.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>How far the clocks of issuer and service may be apart.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    public string ExpectedIssuer => (string.IsNullOrEmpty(Issuer) ? Authority : Issuer).TrimEnd('/');

    /// <summary>An address of the issuer's as it is reached from here.</summary>
    public string UnderAuthority(string uri) =>
        uri.StartsWith($"{ExpectedIssuer}/", StringComparison.Ordinal) ? Authority.TrimEnd('/') + uri[ExpectedIssuer.Length..] : uri;

    internal IReadOnlyList<string> AcceptedTypes => TokenTypes.Count > 0 ? TokenTypes : ["at+jwt", "application/at+jwt"];

    /// <summary>Also in a private network whoever answers in place of the issuer would have its say on every token.</summary>
    public IEnumerable<(string Setting, string Reason)> OnlyForDevelopment()
    {
        if (new Uri(Authority) is { Scheme: "http", IsLoopback: false })
        {
            yield return (nameof(Authority), "tokens would be checked by keys that came without TLS");
        }
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Uri.TryCreate(Authority, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
        {
            yield return new ValidationResult("must be the absolute URL of the token issuer.", [nameof(Authority)]);
        }
        else if (uri.Scheme == Uri.UriSchemeHttp && !AllowHttp && !uri.IsLoopback)
        {
            yield return new ValidationResult("must be https; Authentication:AllowHttp=true permits http for development.", [nameof(Authority)]);
        }
    }
}
