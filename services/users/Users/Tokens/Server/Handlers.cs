using Chassis.Web;
using Microsoft.AspNetCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using Claims = Chassis.Web.Claims;

namespace Users.Tokens.Server;

/// <summary>Who asks for a token of a person and names no client is our own front end, which keeps no secret.</summary>
internal sealed class OwnClientByDefault : IOpenIddictServerHandler<ExtractTokenRequestContext>
{
    public ValueTask HandleAsync(ExtractTokenRequestContext context)
    {
        if (context.Request is { } request && string.IsNullOrEmpty(request.ClientId) && !request.IsClientCredentialsGrantType())
        {
            request.ClientId = ConfiguredClients.Own;
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// A client says in one place who it is (RFC 6749, 2.3): a body that names another than the Authorization header is refused, and not overruled.
/// </summary>
internal sealed class OneClientInARequest<TContext> : IOpenIddictServerHandler<TContext>
    where TContext : BaseValidatingContext
{
    public ValueTask HandleAsync(TContext context)
    {
        var http = context.Transaction.GetHttpRequest();
        if (http is { HasFormContentType: true }
            && http.Form.TryGetValue(OpenIddictConstants.Parameters.ClientId, out var named)
            && named != context.Transaction.Request?.ClientId)
        {
            context.Reject(OpenIddictConstants.Errors.InvalidRequest, "The body names another client than the Authorization header.");
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// In place of the server's own check of a client's secret: guesses are counted like those at passwords, also at clients that do not exist, and both ends are
/// recorded.
/// </summary>
internal sealed class ClientSecretCheck(
    IOpenIddictApplicationManager applications, IOptions<UsersSettings> settings, SignInThrottle throttle, AuthenticationEvents events)
    : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var (id, cancellationToken) = (context.ClientId!, context.CancellationToken);
        var address = context.Transaction.GetHttpRequest()?.HttpContext.Connection.RemoteIpAddress;
        var account = $"client {id}";
        var attempt = await throttle.AttemptAsync(account, address, cancellationToken);
        var application = await applications.FindByClientIdAsync(id, cancellationToken);
        var happened = new AuthenticationEvent(AuthenticationEventKind.ClientSignIn, StatusCodes.Status401Unauthorized)
        {
            ClientId = application is null ? null : id, Account = account,
        };
        if (application is null || await applications.HasClientTypeAsync(application, OpenIddictConstants.ClientTypes.Public, cancellationToken)
            || !await applications.ValidateClientSecretAsync(application, context.ClientSecret!, cancellationToken))
        {
            await events.RecordFailureAsync(happened, attempt.IsLast, cancellationToken);
            context.Reject(OpenIddictConstants.Errors.InvalidClient, "The client is not known, or its secret is not correct.");
            return;
        }

        await throttle.SucceededAsync(account, address, attempt, cancellationToken);
        await events.RecordAsync(
            happened with { Status = StatusCodes.Status200OK, TenantId = settings.Value.Clients.GetValueOrDefault(id)?.Tenant }, cancellationToken);
    }
}

/// <summary>
/// Locks the account before the state of a code or refresh token is looked at, until the answer: of two who show the same one at once the second finds it used,
/// and its session ends.
/// </summary>
internal sealed class AccountLock(Sessions sessions) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public async ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token
            || context.TokenId is null
            || !Guid.TryParse(context.Principal?.GetClaim(Claims.Subject), out var userId))
        {
            return;
        }

        await sessions.LockAsync(userId, context.CancellationToken);
        await sessions.NoteReuseAsync(context.TokenId, context.Principal?.GetPresenters().FirstOrDefault(), context.CancellationToken);
    }
}

/// <summary>
/// What was written about a session is kept before the answer that tells of it leaves; also what a refusal has written: that the session has ended.
/// </summary>
internal sealed class SessionCommit<TContext>(Sessions sessions) : IOpenIddictServerHandler<TContext>
    where TContext : BaseRequestContext
{
    public async ValueTask HandleAsync(TContext context) => await sessions.CommitAsync(context.CancellationToken);
}

/// <summary>An access token is checked by its signature alone, everywhere; and it is signed with a key that everybody knows.</summary>
internal sealed class AccessTokensAreNotWrittenDown : IOpenIddictServerHandler<GenerateTokenContext>
{
    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        if (context.TokenType == OpenIddictConstants.TokenTypeIdentifiers.AccessToken)
        {
            context.CreateTokenEntry = false;
            context.SigningCredentials = context.Options.SigningCredentials.First(c => c.Key is AsymmetricSecurityKey);
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// The issuer is called what the settings call it, to the letter (the server would add a slash), and its endpoints lie below that name and not below whatever
/// name stands in a request.
/// </summary>
internal sealed class IssuerAsConfigured(IOptions<AuthenticationSettings> settings)
    : IOpenIddictServerHandler<GenerateTokenContext>, IOpenIddictServerHandler<ApplyConfigurationResponseContext>
{
    private static readonly string[] Endpoints =
    [
        OpenIddictConstants.Metadata.AuthorizationEndpoint, OpenIddictConstants.Metadata.TokenEndpoint, OpenIddictConstants.Metadata.RevocationEndpoint,
        OpenIddictConstants.Metadata.IntrospectionEndpoint, OpenIddictConstants.Metadata.EndSessionEndpoint, OpenIddictConstants.Metadata.JwksUri,
    ];

    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        context.SecurityTokenDescriptor.Issuer = settings.Value.ExpectedIssuer;
        return ValueTask.CompletedTask;
    }

    public ValueTask HandleAsync(ApplyConfigurationResponseContext context)
    {
        var (issuer, response) = (settings.Value.ExpectedIssuer, context.Response);
        foreach (var endpoint in Endpoints.Where(e => response[e] is not null))
        {
            response[endpoint] = issuer + new Uri((string)response[endpoint]!).AbsolutePath;
        }

        response[OpenIddictConstants.Metadata.Issuer] = issuer;
        if (context.Transaction.GetHttpRequest() is { } request)
        {
            request.HttpContext.Response.Headers.CacheControl = "public, max-age=300";
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>With a refresh token the session ends that it belongs to, and with that its access tokens (RFC 7009, section 2.1).</summary>
internal sealed class RevocationEndsSession(Sessions sessions) : IOpenIddictServerHandler<HandleRevocationRequestContext>
{
    public async ValueTask HandleAsync(HandleRevocationRequestContext context)
    {
        if (Guid.TryParse(context.GenericTokenPrincipal.GetClaim(Claims.Subject), out var userId)
            && Guid.TryParse(context.GenericTokenPrincipal.GetClaim(Claims.SessionId), out var sessionId))
        {
            await sessions.EndAsync(userId, sessionId, context.CancellationToken);
        }
    }
}

/// <summary>A token whose session has ended is no longer active, whatever its signature says.</summary>
internal sealed class EndedSessionIsInactive(ISessionStatus sessions) : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
{
    public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
    {
        if (await sessions.HasEndedAsync(context.GenericTokenPrincipal, context.CancellationToken))
        {
            context.Reject(OpenIddictConstants.Errors.InvalidToken, "The session has ended.");
        }
    }
}
