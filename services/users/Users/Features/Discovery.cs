using System.Text.Json.Nodes;
using Chassis.Web;
using Microsoft.Extensions.Options;
using Users.Tokens;

namespace Users.Features;

/// <summary>OpenID Connect discovery, the keys, and their rotation.</summary>
public static class Discovery
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/.well-known/openid-configuration", Configuration).AllowAnonymous().WithTags("Tokens")
            .WithName("Discovery").WithSummary("Where tokens come from and how they are checked.");
        app.MapGet("/.well-known/jwks.json", Keys).AllowAnonymous().WithTags("Tokens")
            .WithName("Keys").WithSummary("The public keys, those that only just took over or stepped back included.");
        app.MapPost("/v1/ops/signing-keys/rotate", Rotate).RequireSystemOperator()
            .WithName("RotateSigningKey").WithSummary("A new key signs from now on; tokens of the others stay valid.");
    }

    // Issuer: what stands in the tokens. The rest is said in the caller's terms, who may reach us by another name than others do.
    private static IResult Configuration(HttpRequest request, IOptions<AuthenticationSettings> settings)
    {
        var here = $"{request.Scheme}://{request.Host}";
        request.HttpContext.Response.Headers.CacheControl = "public, max-age=300";
        return Results.Json(new JsonObject
        {
            ["issuer"] = settings.Value.ExpectedIssuer,
            ["token_endpoint"] = $"{here}/connect/token",
            ["jwks_uri"] = $"{here}/.well-known/jwks.json",
            ["grant_types_supported"] = new JsonArray("password", "refresh_token", "client_credentials"),
            ["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic", "client_secret_post", "none"),
            ["response_types_supported"] = new JsonArray(),
            ["subject_types_supported"] = new JsonArray("public"),
            ["id_token_signing_alg_values_supported"] = new JsonArray(SigningAlgorithms.ES256),
            ["claims_supported"] = new JsonArray("iss", "sub", "aud", "exp", "iat", "jti", Claims.ClientId, Claims.Role, Claims.Tenant),
        });
    }

    private static IResult Keys(HttpResponse response, SigningKeys keys)
    {
        response.Headers.CacheControl = "public, max-age=60";
        return Results.Json(keys.PublicSet());
    }

    private static async Task<IResult> Rotate(SigningKeys keys, CancellationToken cancellationToken) =>
        Results.Json(new { keyId = await keys.RotateAsync(cancellationToken) });
}
