using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Chassis.Web;

/// <summary>Who is asking, from the bearer token. Scoped to the request.</summary>
public sealed class Caller(IHttpContextAccessor accessor)
{
    private ClaimsPrincipal User => accessor.HttpContext?.User ?? new ClaimsPrincipal();

    public bool IsAuthenticated => User.Identity is { IsAuthenticated: true };

    /// <summary>The token's subject.</summary>
    /// <exception cref="ProblemException">401 on an endpoint that lets everybody in and asks all the same.</exception>
    public string Subject => User.FindFirstValue(Claims.Subject)
        ?? throw new ProblemException(StatusCodes.Status401Unauthorized, "unauthenticated", "Sign in first.");

    /// <summary>The subject as an id. A foreign identity provider's subject that is no UUID gets a stable one derived from it.</summary>
    public Guid UserId => Guid.TryParse(Subject, out var id) ? id : Derive(Subject);

    /// <summary>When the caller has shown who they are; null when the token does not say.</summary>
    public DateTimeOffset? AuthenticatedAt =>
        long.TryParse(User.FindFirstValue(Claims.AuthenticatedAt), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    /// <summary>Whether this is somebody who works here, whatever they may do.</summary>
    public bool IsOperator => User.IsOperator();

    /// <summary>Whether the endpoint at hand also answers this caller about what is somebody else's.</summary>
    public bool MaySeeOthers => accessor.HttpContext?.GetEndpoint()?.Metadata is { } endpoint
        && (endpoint.GetMetadata<PermissionRequirement>() is not null || (endpoint.GetMetadata<OthersPermission>() is { } others && May(others.Permission)));

    /// <summary>Whose data the caller sees; whoever has none, such as an operator of the installation, sees that of all tenants.</summary>
    public string? TenantId => User.FindFirstValue(Claims.Tenant);

    /// <summary>Whether what belongs to this tenant is there for the caller.</summary>
    public bool MaySeeTenant(string? tenantId) => TenantId is null || TenantId == tenantId;

    /// <summary>Whether the caller may see what belongs to this user.</summary>
    public bool MaySee(Guid ownerId) => UserId == ownerId || MaySeeOthers;

    public bool May(string permission) => User.May(permission);

    public bool IsInRole(string role) => User.IsInRole(role);

    /// <exception cref="ProblemException">404 for somebody else's resource, so that its existence stays unknown.</exception>
    public void MustSee(Guid ownerId)
    {
        if (!MaySee(ownerId))
        {
            throw ProblemException.NotFound();
        }
    }

    private static Guid Derive(string subject)
    {
        Span<byte> bytes = SHA256.HashData(Encoding.UTF8.GetBytes(subject)).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
