using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Web;

/// <summary>Names of the claims in an access token.</summary>
public static class Claims
{
    public const string Subject = "sub";
    public const string Role = "role";
    public const string Tenant = "tenant";
    public const string ClientId = "client_id";

    /// <summary>What an operator of a smaller role may do, each a <see cref="Permissions">permission</see> (RFC 9068, section 2.2.3.1).</summary>
    public const string Permissions = "entitlements";

    /// <summary>Seconds since 1970 at which the token ends: for whoever answers for longer than that.</summary>
    public const string Expires = "exp";

    /// <summary>Seconds since 1970 at which the token was issued.</summary>
    public const string IssuedAt = "iat";

    /// <summary>
    /// Seconds since 1970 at which the subject has shown who they are, however often the token was renewed since (OpenID Connect Core, section 2).
    /// </summary>
    public const string AuthenticatedAt = "auth_time";

    /// <summary>The session that the token belongs to (OpenID Connect Front-Channel Logout, section 3).</summary>
    public const string SessionId = "sid";

    /// <summary>How often all sessions of the subject had been ended when this one began; see <see cref="EndedSessions"/>.</summary>
    public const string SessionEpoch = "session_epoch";
}

public static class Roles
{
    public const string Customer = "customer";

    /// <summary>May do everything. Every other role but that of customers may do what its token says.</summary>
    public const string Operator = "operator";
}

/// <summary>Who may call an endpoint. An endpoint without one of these lets nobody in.</summary>
public static class Policies
{
    /// <summary>Whoever has signed in.</summary>
    public const string Customer = "customer";

    /// <summary>Operators only, with the permission that the endpoint names.</summary>
    public const string Operator = "operator";

    /// <summary>Operators of the installation as a whole: not those of one tenant, for what tells or changes something about all of them.</summary>
    public const string SystemOperator = "system-operator";

    /// <summary>For customers, and for operators.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="others">The permission for which the endpoint also answers about what is somebody else's; none when it is not for that.</param>
    public static TBuilder RequireCustomer<TBuilder>(this TBuilder endpoint, string? others = null)
        where TBuilder : IEndpointConventionBuilder =>
        others is null ? endpoint.Require(Customer) : endpoint.Require(Customer).WithMetadata(new OthersPermission(others));

    /// <summary>For operators that have every one of these permissions.</summary>
    public static TBuilder RequireOperator<TBuilder>(this TBuilder endpoint, string permission, params string[] more)
        where TBuilder : IEndpointConventionBuilder => endpoint.Require(Operator).RequirePermissions([permission, .. more]);

    /// <summary>For operators of the installation as a whole that have every one of these permissions.</summary>
    public static TBuilder RequireSystemOperator<TBuilder>(this TBuilder endpoint, string permission, params string[] more)
        where TBuilder : IEndpointConventionBuilder => endpoint.Require(SystemOperator).RequirePermissions([permission, .. more]);

    /// <summary>
    /// For an endpoint that reads the <c>Authorization</c> header itself, or whose answer does not depend on who asks: what stands there is not looked at
    /// before.
    /// </summary>
    public static TBuilder IgnoreBearer<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(BearerIsIgnored.Instance);

    private static TBuilder RequirePermissions<TBuilder>(this TBuilder endpoint, string[] permissions)
        where TBuilder : IEndpointConventionBuilder
    {
        foreach (var permission in permissions)
        {
            endpoint.WithMetadata(new PermissionRequirement(permission));
        }

        return endpoint;
    }

    private static TBuilder Require<TBuilder>(this TBuilder endpoint, string policy)
        where TBuilder : IEndpointConventionBuilder => endpoint.RequireAuthorization(policy).AddEndpointFilter(AuditedCall.NoteReasonAsync);

    internal static void Configure(AuthorizationOptions options)
    {
        options.AddPolicy(Customer, p => p.RequireAuthenticatedUser().RequireAssertion(c => c.User.IsInRole(Roles.Customer) || c.User.IsOperator()));
        options.AddPolicy(Operator, p => p.RequireAuthenticatedUser().RequireAssertion(c => c.User.IsOperator()));
        options.AddPolicy(
            SystemOperator, p => p.RequireAuthenticatedUser().RequireAssertion(c => c.User.IsOperator() && !c.User.HasClaim(k => k.Type == Claims.Tenant)));

        // Deny by default. A path that no endpoint answers is not protected by anything: it is 404 or 405 for everybody.
        options.FallbackPolicy = new AuthorizationPolicyBuilder()
            .RequireAssertion(context => context.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint)
            .Build();
    }
}
