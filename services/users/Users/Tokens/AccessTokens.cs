using System.Text.Json.Nodes;
using Chassis.Web;
using Microsoft.Extensions.Options;

namespace Users.Tokens;

/// <summary>Issues access tokens (RFC 9068). They name the subject and say nothing else about the person.</summary>
public sealed class AccessTokens(SigningKeys keys, IOptions<AuthenticationSettings> authentication, IOptions<UsersSettings> settings, TimeProvider clock)
{
    public TimeSpan Lifetime => settings.Value.Tokens.AccessTokenLifetime;

    /// <summary>For a person.</summary>
    public string Issue(SessionOwner owner, string clientId) => Issue(owner.Id.ToString(), owner.Role, owner.TenantId, clientId, owner.SessionEpoch);

    public string Issue(string subject, string role, string? tenant, string clientId, int? sessionEpoch = null)
    {
        var now = clock.GetUtcNow();
        var payload = new JsonObject
        {
            ["iss"] = authentication.Value.ExpectedIssuer,
            ["aud"] = authentication.Value.Audience,
            [Claims.Subject] = subject,
            [Claims.ClientId] = clientId,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + Lifetime).ToUnixTimeSeconds(),
            ["jti"] = Ids.New(clock).ToString("n"),
            [Claims.Role] = role,
        };
        if (sessionEpoch is not null)
        {
            payload[Claims.SessionEpoch] = sessionEpoch;
        }

        if (tenant is not null)
        {
            payload[Claims.Tenant] = tenant;
        }

        return keys.Sign(payload);
    }
}
