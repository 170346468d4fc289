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

    /// <summary>Seconds since 1970 at which the token ends: for whoever answers for longer than that.</summary>
    public const string Expires = "exp";

    /// <summary>Seconds since 1970 at which the token was issued.</summary>
    public const string IssuedAt = "iat";

    /// <summary>Seconds since 1970 at which the subject has shown who they are, however often the token was renewed since (OpenID Connect Core, section 2).</summary>
    public const string AuthenticatedAt = "auth_time";

    /// <summary>How often all sessions of the subject had been ended when this one began; see <see cref="EndedSessions"/>.</summary>
    public const string SessionEpoch = "session_epoch";
}

public static class Roles
{
    public const string Customer = "customer";
    public const string Operator = "operator";
}

/// <summary>Who may call an endpoint. An endpoint without one of these lets nobody in.</summary>
public static class Policies
{
    /// <summary>Signed-in customers, and operators, who may do everything.</summary>
    public const string Customer = "customer";

    /// <summary>Operators only.</summary>
    public const string Operator = "operator";

    /// <summary>Operators of the installation as a whole: not those of one tenant, for what tells or changes something about all of them.</summary>
    public const string SystemOperator = "system-operator";

    public static TBuilder RequireCustomer<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.Require(Customer);

    public static TBuilder RequireOperator<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.Require(Operator);

    public static TBuilder RequireSystemOperator<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.Require(SystemOperator);

    /// <summary>For an endpoint that reads the <c>Authorization</c> header itself, or whose answer does not depend on who asks: what stands there is not looked at before.</summary>
    public static TBuilder IgnoreBearer<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(BearerIsIgnored.Instance);

    private static TBuilder Require<TBuilder>(this TBuilder endpoint, string policy)
        where TBuilder : IEndpointConventionBuilder => endpoint.RequireAuthorization(policy).AddEndpointFilter(AuditedCall.NoteReasonAsync);

    internal static void Configure(AuthorizationOptions options)
    {
        options.AddPolicy(Customer, p => p.RequireAuthenticatedUser().RequireRole(Roles.Customer, Roles.Operator));
        options.AddPolicy(Operator, p => p.RequireAuthenticatedUser().RequireRole(Roles.Operator));

        options.AddPolicy(SystemOperator, p => p.RequireAuthenticatedUser().RequireRole(Roles.Operator).RequireAssertion(c => !c.User.HasClaim(k => k.Type == Claims.Tenant)));

        // Deny by default. A path that no endpoint answers is not protected by anything: it is 404 or 405 for everybody.
        options.FallbackPolicy = new AuthorizationPolicyBuilder()
            .RequireAssertion(context => context.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint)
            .Build();
    }
}
