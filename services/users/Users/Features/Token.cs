using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Chassis.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Users.Domain;
using Users.Passwords;
using Users.Persistence;
using Users.Tokens;

namespace Users.Features;

/// <summary>A token response, RFC 6749 §5.1.</summary>
public sealed record TokenAnswer(
    [property: JsonPropertyName("access_token")] string AccessToken,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresIn,
    [property: JsonPropertyName("refresh_token"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? RefreshToken);

/// <summary>An error response, RFC 6749 §5.2.</summary>
public sealed record TokenError(
    [property: JsonPropertyName("error")] string Error, [property: JsonPropertyName("error_description")] string Description);

/// <summary>The token endpoint.</summary>
public sealed class Token(
    UsersDbContext db, PasswordVault passwords, SignInThrottle throttle, RefreshTokens refreshTokens, AccessTokens accessTokens, AuthenticationEvents events, IOptions<UsersSettings> settings)
{
    private const string OwnClient = "shop";
    private const int MaxFormLength = 16 * 1024;

    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) => app.MapPost("/connect/token", Post).AllowAnonymous().IgnoreBearer().WithTags("Tokens")
        .WithName("Token").WithSummary("RFC 6749 token endpoint: password, refresh_token, client_credentials.")
        .AddOpenApiOperationTransformer(DescribeForm).Produces<TokenAnswer>().Produces<TokenError>(StatusCodes.Status400BadRequest)
        .Produces<TokenError>(StatusCodes.Status401Unauthorized).WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(MaxFormLength));

    private static async Task<IResult> Post(HttpContext http, Token handler, CancellationToken cancellationToken)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.Pragma = "no-cache";
        try
        {
            if (!http.Request.HasFormContentType)
            {
                throw new TokenRefused("invalid_request", "The request must be application/x-www-form-urlencoded.");
            }

            var form = await ReadAsync(http.Request, cancellationToken);
            return Results.Json(await handler.Handle(form, http.Request.Headers.Authorization.ToString(), http.Connection.RemoteIpAddress, cancellationToken));
        }
        catch (TokenRefused refused)
        {
            var basic = refused.Error == "invalid_client" && http.Request.Headers.Authorization.Count > 0;
            if (basic)
            {
                http.Response.Headers.WWWAuthenticate = "Basic realm=\"token\"";
            }

            return Results.Json(
                new TokenError(refused.Error, refused.Message),
                statusCode: refused.Error == "invalid_client" ? StatusCodes.Status401Unauthorized : StatusCodes.Status400BadRequest);
        }
    }

    // Not by Accepts<…>(): a wrong content type is an error of RFC 6749 here, not a 415.
    private static Task DescribeForm(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        string[] names = ["grant_type", "username", "password", "refresh_token", "client_id", "client_secret"];
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

    private async Task<TokenAnswer> Handle(IReadOnlyDictionary<string, string> form, string authorization, IPAddress? address, CancellationToken cancellationToken)
    {
        var grant = Required(form, "grant_type");
        var client = await AuthenticateAsync(form, authorization, address, cancellationToken);
        return grant switch
        {
            "password" => await PasswordAsync(Required(form, "username"), Required(form, "password"), client?.Id ?? OwnClient, address, cancellationToken),
            "refresh_token" => await RefreshAsync(Required(form, "refresh_token"), client?.Id ?? OwnClient, cancellationToken),
            "client_credentials" => ForClient(client),
            _ => throw new TokenRefused("unsupported_grant_type", "The grant must be password, refresh_token or client_credentials."),
        };
    }

    private async Task<TokenAnswer> PasswordAsync(string username, string password, string clientId, IPAddress? address, CancellationToken cancellationToken)
    {
        var refused = new TokenRefused("invalid_grant", "The user name or the password is not correct, or the account is not active.");
        var email = Email.Normalize(username) ?? username;
        var attempt = await throttle.AttemptAsync(email, address, cancellationToken);
        var user = await db.Users.IgnoreQueryFilters().SingleOrDefaultAsync(u => u.Email == email, cancellationToken);
        var verdict = password.Length <= settings.Value.Passwords.MaxLength
            ? await passwords.VerifyAsync(user, password, cancellationToken)
            : PasswordVerificationResult.Failed;
        var happened = new AuthenticationEvent(AuthenticationEventKind.SignIn, StatusCodes.Status400BadRequest)
        {
            UserId = user?.Id.ToString(), TenantId = user?.TenantId, Account = email, ClientId = clientId,
        };
        if (verdict == PasswordVerificationResult.Failed || user is not { IsActive: true })
        {
            await RecordFailureAsync(happened, attempt.IsLast, cancellationToken);
            throw refused;
        }

        await throttle.SucceededAsync(email, address, attempt, cancellationToken);
        if (verdict == PasswordVerificationResult.SuccessRehashNeeded)
        {
            user.Rehash(await passwords.HashAsync(password, cancellationToken));
        }

        var (owner, session) = await refreshTokens.IssueAsync(user, clientId, cancellationToken) ?? throw refused;
        await events.RecordAsync(happened with { Status = StatusCodes.Status200OK }, cancellationToken);
        return Answer(accessTokens.Issue(owner, clientId), session);
    }

    private async Task<TokenAnswer> RefreshAsync(string token, string clientId, CancellationToken cancellationToken)
    {
        var refused = new TokenRefused("invalid_grant", "The refresh token is not valid any more. Sign in again.");
        var (owner, successor) = await refreshTokens.RotateAsync(token, clientId, cancellationToken) ?? throw refused;
        await events.RecordAsync(
            new AuthenticationEvent(AuthenticationEventKind.Refresh, StatusCodes.Status200OK) { UserId = owner.Id.ToString(), TenantId = owner.TenantId, ClientId = clientId }, cancellationToken);
        return Answer(accessTokens.Issue(owner, clientId), successor);
    }

    private TokenAnswer ForClient((string Id, ClientSettings Settings)? client) => client is { } known
        ? Answer(accessTokens.Issue(known.Id, known.Settings.Role, known.Settings.Tenant, known.Id), null)
        : throw new TokenRefused("invalid_client", "This grant needs client_id and client_secret.");

    private TokenAnswer Answer(string accessToken, string? refreshToken) =>
        new(accessToken, TokenValidator.Scheme, (int)accessTokens.Lifetime.TotalSeconds, refreshToken);

    /// <returns>The client, or null when the request names none: our own front ends keep no secret.</returns>
    private async Task<(string Id, ClientSettings Settings)?> AuthenticateAsync(
        IReadOnlyDictionary<string, string> form, string authorization, IPAddress? address, CancellationToken cancellationToken)
    {
        var (id, secret) = Credentials(form, authorization);
        if (string.IsNullOrEmpty(id) || (id == OwnClient && string.IsNullOrEmpty(secret)))
        {
            return null;
        }

        var account = $"client {id}";
        var attempt = await throttle.AttemptAsync(account, address, cancellationToken);

        // Hashed, so that the comparison takes the same time for every length.
        var expected = settings.Value.Clients.TryGetValue(id, out var client) ? client.Secret : Guid.NewGuid().ToString();
        var equal = CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(expected)), SHA256.HashData(Encoding.UTF8.GetBytes(secret ?? "")));
        var happened = new AuthenticationEvent(AuthenticationEventKind.ClientSignIn, StatusCodes.Status401Unauthorized) { ClientId = client is null ? null : id, Account = account };
        if (!equal || client is null)
        {
            await RecordFailureAsync(happened, attempt.IsLast, cancellationToken);
            throw new TokenRefused("invalid_client", "The client is not known, or its secret is not correct.");
        }

        await throttle.SucceededAsync(account, address, attempt, cancellationToken);
        await events.RecordAsync(happened with { Status = StatusCodes.Status200OK, TenantId = client.Tenant }, cancellationToken);
        return (id, client);
    }

    private async Task RecordFailureAsync(AuthenticationEvent failed, bool isLast, CancellationToken cancellationToken)
    {
        await events.RecordAsync(failed, cancellationToken);
        if (isLast)
        {
            await events.RecordAsync(failed with { Kind = AuthenticationEventKind.Lockout, Status = StatusCodes.Status429TooManyRequests }, cancellationToken);
        }
    }

    private static (string? Id, string? Secret) Credentials(IReadOnlyDictionary<string, string> form, string authorization)
    {
        if (!authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return (form.GetValueOrDefault("client_id"), form.GetValueOrDefault("client_secret"));
        }

        var buffer = new byte[authorization.Length];
        if (!Convert.TryFromBase64String(authorization["Basic ".Length..], buffer, out var length)
            || Encoding.UTF8.GetString(buffer, 0, length).Split(':', 2) is not [var id, var secret])
        {
            throw new TokenRefused("invalid_client", "The Authorization header is not valid.");
        }

        return (Uri.UnescapeDataString(id.Replace('+', ' ')), Uri.UnescapeDataString(secret.Replace('+', ' ')));
    }

    private static string Required(IReadOnlyDictionary<string, string> form, string name) => form.TryGetValue(name, out var value) && value.Length > 0
        ? value
        : throw new TokenRefused("invalid_request", $"The parameter {name} is missing.");

    private static async Task<Dictionary<string, string>> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var form = await request.ReadFormAsync(cancellationToken);
            return form.ToDictionary(p => p.Key, p => p.Value is [{ } value] ? value : throw new TokenRefused("invalid_request", $"The parameter {p.Key} is there twice."));
        }
        catch (InvalidDataException)
        {
            throw new TokenRefused("invalid_request", "The form could not be read.");
        }
    }

    private sealed class TokenRefused(string error, string description) : Exception(description)
    {
        public string Error { get; } = error;
    }
}
