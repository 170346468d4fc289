using System.Security.Claims;
using System.Text.Json.Serialization;
using Chassis.Web;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using Users.Tokens;
using Users.Tokens.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Users.Features;

/// <summary>RFC 6749, §5.1: what the token server answers.</summary>
/// <param name="ExpiresIn">Seconds.</param>
internal sealed record TokenResponse(
    [property: JsonPropertyName(Parameters.AccessToken)] string AccessToken,
    [property: JsonPropertyName(Parameters.TokenType)] string TokenType,
    [property: JsonPropertyName(Parameters.ExpiresIn)] int ExpiresIn,
    [property: JsonPropertyName(Parameters.RefreshToken)] string? RefreshToken = null,
    [property: JsonPropertyName(Parameters.IdToken)] string? IdToken = null,
    [property: JsonPropertyName(Parameters.Scope)] string? Scope = null);

/// <summary>RFC 6749, §5.2.</summary>
internal sealed record TokenErrorResponse(
    [property: JsonPropertyName(Parameters.Error)] string Error, [property: JsonPropertyName(Parameters.ErrorDescription)] string? ErrorDescription = null);

/// <summary>
/// The token endpoint: the token server has looked at the request, at the client and at the code or refresh token; who may have a token is decided here.
/// </summary>
internal sealed class Token(SignIn signIn, Sessions sessions, AuthenticationEvents events, IOptions<UsersSettings> settings)
{
    private const int MaxFormLength = 16 * 1024;

    private StillNeeded _needed;

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) =>
        app.MapPost("/connect/token", PostAsync).AllowAnonymous().IgnoreBearer().WithTags("Tokens")
        .WithName("Token").WithSummary("RFC 6749 token endpoint: authorization_code, refresh_token, client_credentials, and password where it is switched on.")
        .AddOpenApiOperationTransformer(DescribeFormAsync).Produces<TokenResponse>().Produces<TokenErrorResponse>(StatusCodes.Status400BadRequest)
        .Produces<TokenErrorResponse>(StatusCodes.Status401Unauthorized).WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxFormLength));

    /// <summary>An answer of the token server that refuses.</summary>
    /// <param name="error">See RFC 6749, §5.2.</param>
    /// <param name="description">For whoever reads the log of a client.</param>
    public static IResult Refuse(string error, string description) => Results.Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error, [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        [TokenServer.Scheme]);

    private static async Task<IResult> PostAsync(HttpContext http, Token handler, CancellationToken ct)
    {
        var request = http.GetOpenIddictServerRequest()!;
        return await handler.Handle(http, request, ct) is { } principal
            ? Results.SignIn(principal, authenticationScheme: TokenServer.Scheme)
            : request.IsPasswordGrantType()
                ? Refuse(Errors.InvalidGrant, handler._needed switch
                {
                    StillNeeded.Code => "A one-time code is needed as well: otp.",
                    StillNeeded.SecondFactor => "Operators need a second factor. Set it up on the sign-in page.",
                    _ => "The user name or the password is not correct, or the account is not active.",
                })
                : Refuse(Errors.InvalidGrant, "The session has ended. Sign in again.");
    }

    private async Task<ClaimsPrincipal?> Handle(HttpContext http, OpenIddictRequest request, CancellationToken ct)
    {
        var clientId = request.ClientId!;
        if (request.IsClientCredentialsGrantType())
        {
            return sessions.OfClient(clientId, settings.Value.Clients[clientId]);
        }

        if (request.IsPasswordGrantType())
        {
            (var user, _needed) = await signIn.VerifyAsync(
                request.Username!, request.Password!, (string?)request["otp"], clientId, http.Connection.RemoteIpAddress, ct);
            return user is null || _needed != StillNeeded.Nothing ? null : await sessions.BeginAsync(user, clientId, [Scopes.OfflineAccess], ct);
        }

        var token = (await http.AuthenticateAsync(TokenServer.Scheme)).Principal!;
        if (sessions.Continue(token) is not { } principal)
        {
            return null;
        }

        await events.RecordAsync(
            new AuthenticationEvent(AuthenticationEventKind.Refresh, StatusCodes.Status200OK)
            {
                UserId = principal.GetClaim(Chassis.Web.Claims.Subject), TenantId = principal.GetClaim(Chassis.Web.Claims.Tenant), ClientId = clientId,
            },
            ct);
        return principal;
    }

    // Not by Accepts<…>(): a wrong content type is an error of RFC 6749 here, not a 415.
    private static Task DescribeFormAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        string[] names =
        [
            "grant_type", "username", "password", "otp", "code", "code_verifier", "redirect_uri", "refresh_token", "scope", "client_id", "client_secret",
        ];
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/x-www-form-urlencoded"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Required = new HashSet<string> { "grant_type" },
                        Properties = names.ToDictionary(n => n, IOpenApiSchema (_) => new OpenApiSchema { Type = JsonSchemaType.String }),
                    },
                },
            },
        };
        return Task.CompletedTask;
    }
}
