using System.Buffers.Text;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>Why a token was refused. The reason goes to whoever sent the token, and tells no more than the token itself.</summary>
public sealed class InvalidTokenException(string reason) : Exception(reason);

/// <summary>
/// Checks access tokens (RFC 9068): two algorithms, the expected type, issuer and audience, a lifetime, and a key that the issuer has published.
/// Whatever is not understood is refused.
/// </summary>
public sealed class TokenValidator(IOptions<AuthenticationSettings> options, ISigningKeySource keys, TimeProvider clock)
{
    /// <summary>Longer tokens are refused unread.</summary>
    public const int MaxLength = 8 * 1024;

    public const string Scheme = "Bearer";

    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false, MaxDepth = 8 };
    private static readonly string[] EmbeddedKeys = ["jwk", "jku", "x5u", "x5c", "crit", "zip", "enc"];

    /// <returns>The caller.</returns>
    /// <exception cref="InvalidTokenException">The token is not acceptable.</exception>
    /// <exception cref="ProblemException">503: the issuer's keys could not be had.</exception>
    public async ValueTask<ClaimsPrincipal> ValidateAsync(string token, CancellationToken ct)
    {
        if (token.Length > MaxLength)
        {
            throw new InvalidTokenException("The token is too long.");
        }

        var first = token.IndexOf('.', StringComparison.Ordinal);
        var last = token.LastIndexOf('.');
        if (first <= 0 || first == last || token.AsSpan(first + 1, last - first - 1).Contains('.'))
        {
            throw new InvalidTokenException("The token does not have three parts.");
        }

        var (keyId, algorithm) = ReadHeader(Decode(token.AsSpan(0, first)));
        using var payload = Parse(Decode(token.AsSpan(first + 1, last - first - 1)));
        CheckClaims(payload.RootElement);

        var key = await keys.FindAsync(keyId, ct) ?? throw new InvalidTokenException("The signing key is not known.");
        if (key.Algorithm != algorithm || !key.Verify(System.Text.Encoding.ASCII.GetBytes(token, 0, last), Decode(token.AsSpan(last + 1))))
        {
            throw new InvalidTokenException("The signature is not valid.");
        }

        return Principal(payload.RootElement);
    }

    private (string KeyId, string Algorithm) ReadHeader(byte[] json)
    {
        using var document = Parse(json);
        var header = document.RootElement;
        if (EmbeddedKeys.Any(name => header.TryGetProperty(name, out _)))
        {
            throw new InvalidTokenException("The header has a member that is not accepted.");
        }

        var algorithm = Text(header, "alg");
        if (algorithm is not (SigningAlgorithms.ES256 or SigningAlgorithms.RS256))
        {
            throw new InvalidTokenException("The algorithm is not accepted.");
        }

        if (Text(header, "typ") is not { } type || !options.Value.AcceptedTypes.Contains(type, StringComparer.OrdinalIgnoreCase))
        {
            throw new InvalidTokenException("The token is not an access token.");
        }

        return (Text(header, "kid") ?? throw new InvalidTokenException("The header names no key."), algorithm);
    }

    private void CheckClaims(JsonElement payload)
    {
        var settings = options.Value;
        if (Text(payload, "iss") is not { } issuer || issuer.TrimEnd('/') != settings.ExpectedIssuer)
        {
            throw new InvalidTokenException("The issuer is not accepted.");
        }

        if (!Texts(payload, "aud").Contains(settings.Audience, StringComparer.Ordinal))
        {
            throw new InvalidTokenException("The token is meant for another audience.");
        }

        var now = clock.GetUtcNow();
        if (Time(payload, "exp") is not { } expires || expires + settings.ClockSkew <= now)
        {
            throw new InvalidTokenException("The token has expired.");
        }

        if ((Time(payload, "nbf") is { } notBefore && notBefore - settings.ClockSkew > now)
            || (Time(payload, "iat") is { } issued && issued - settings.ClockSkew > now))
        {
            throw new InvalidTokenException("The token is not valid yet.");
        }

        if (string.IsNullOrWhiteSpace(Text(payload, Claims.Subject)))
        {
            throw new InvalidTokenException("The token has no subject.");
        }
    }

    private ClaimsPrincipal Principal(JsonElement payload)
    {
        var settings = options.Value;
        List<Claim> claims =
        [
            new(Claims.Subject, Text(payload, Claims.Subject)!),
            new(Claims.Expires, Time(payload, Claims.Expires)!.Value.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)),
        ];
        var roles = Texts(payload, settings.RoleClaim).ToList();
        claims.AddRange(roles.Select(role => new Claim(Claims.Role, role)));
        claims.AddRange(Texts(payload, settings.PermissionClaim).Select(permission => new Claim(Claims.Permissions, permission)));
        if (Text(payload, settings.TenantClaim) is { } tenant)
        {
            claims.Add(new Claim(Claims.Tenant, tenant));
        }
        else if (settings.RequireTenant)
        {
            claims.Add(roles.Contains(settings.SystemOperatorRole, StringComparer.Ordinal)
                ? new Claim(Claims.Role, Roles.Operator)
                : throw new InvalidTokenException("The token names no tenant."));
        }

        foreach (var name in (string[])[Claims.IssuedAt, Claims.AuthenticatedAt])
        {
            if (Time(payload, name) is { } time)
            {
                claims.Add(new Claim(name, time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)));
            }
        }

        if (payload.TryGetProperty(Claims.SessionEpoch, out var epoch) && epoch.ValueKind == JsonValueKind.Number && epoch.TryGetInt32(out var number))
        {
            claims.Add(new Claim(Claims.SessionEpoch, number.ToString(CultureInfo.InvariantCulture)));
        }

        foreach (var name in (string[])[Claims.ClientId, Claims.SessionId])
        {
            if (Text(payload, name) is { } text)
            {
                claims.Add(new Claim(name, text));
            }
        }

        return new ClaimsPrincipal(new ClaimsIdentity(claims, Scheme, Claims.Subject, Claims.Role));
    }

    private static byte[] Decode(ReadOnlySpan<char> part)
    {
        // The framework's decoder also takes padding and white space; RFC 7515 has neither.
        foreach (var c in part)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                throw new InvalidTokenException("The token is not base64url.");
            }
        }

        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException)
        {
            throw new InvalidTokenException("The token is not base64url.");
        }
    }

    private static JsonDocument Parse(byte[] json)
    {
        try
        {
            var document = JsonDocument.Parse(json, StrictJson);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new InvalidTokenException("The token is not JSON.");
        }
        catch (JsonException)
        {
            throw new InvalidTokenException("The token is not JSON.");
        }
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IEnumerable<string> Texts(JsonElement json, string name) =>
        !json.TryGetProperty(name, out var value) ? []
        : value.ValueKind == JsonValueKind.String ? [value.GetString()!]
        : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Where(v => v.ValueKind == JsonValueKind.String).Select(v => v.GetString()!)
        : [];

    private static DateTimeOffset? Time(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value))
        {
            return null;
        }

        // NumericDate may have a fraction; 253402300799 is the end of the year 9999.
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds is > 0 and < 253402300799
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000))
            : throw new InvalidTokenException($"'{name}' is not a time.");
    }
}
