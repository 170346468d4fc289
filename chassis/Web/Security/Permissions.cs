using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;

namespace Chassis.Web;

/// <summary>
/// What an operator may do in every service; each service has more of its own. The role <see cref="Roles.Operator"/> has all of them; other roles are bundles
/// that the issuer of the token knows, and whose permissions the token names.
/// </summary>
public static class Permissions
{
    /// <summary>Dead letters, outbox, archive and projections, without what is in the messages.</summary>
    public const string ReadOperations = "ops.read";

    /// <summary>Trying again, giving up, making anew.</summary>
    public const string ActOnOperations = "ops.act";

    /// <summary>Sending events of the past again.</summary>
    public const string Replay = "ops.replay";

    /// <summary>Who has done what.</summary>
    public const string ReadAudit = "audit.read";

    /// <summary>Statistics.</summary>
    public const string ReadReports = "reports.read";

    /// <summary>What is somebody else's and tells about them: accounts, orders, mails, messages.</summary>
    public const string ReadPersonalData = "personal-data.read";

    /// <summary>Acting on people's accounts in their place.</summary>
    public const string ChangeUsers = "users.write";

    /// <summary>Whether this is somebody who works here: an operator, or one of a smaller role.</summary>
    public static bool IsOperator(this ClaimsPrincipal user) => user.IsInRole(Roles.Operator) || user.HasClaim(c => c.Type == Claims.Permissions);

    public static bool May(this ClaimsPrincipal user, string permission) => user.IsInRole(Roles.Operator) || user.HasClaim(Claims.Permissions, permission);
}

/// <summary>On an endpoint: the permission that its caller needs.</summary>
public sealed class PermissionRequirement(string permission)
    : AuthorizationHandler<PermissionRequirement>, IAuthorizationRequirement, IAuthorizationRequirementData
{
    public string Permission { get; } = permission;

    public IEnumerable<IAuthorizationRequirement> GetRequirements() => [this];

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        if (context.User.May(requirement.Permission))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}

/// <summary>On an endpoint: the permission for which it answers about what is somebody else's.</summary>
public sealed record OthersPermission(string Permission);
