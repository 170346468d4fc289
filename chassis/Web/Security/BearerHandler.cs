using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>Bearer tokens (RFC 6750) from the <c>Authorization</c> header, and from nowhere else.</summary>
internal sealed class BearerHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, TokenValidator validator, ISessionStatus sessions)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var headers = Request.Headers.Authorization;
        if (headers.Count == 0)
        {
            return AuthenticateResult.NoResult();
        }

        var header = headers.Count == 1 ? headers[0]! : "";
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.Fail(new InvalidTokenException("Authorization must be one bearer token."));
        }

        try
        {
            var principal = await validator.ValidateAsync(header["Bearer ".Length..].TrimStart(' '), Context.RequestAborted);
            return await sessions.HasEndedAsync(principal, Context.RequestAborted)
                ? AuthenticateResult.Fail(new InvalidTokenException("The session has ended."))
                : AuthenticateResult.Success(new AuthenticationTicket(principal, Scheme.Name));
        }
        catch (Exception e) when (e is InvalidTokenException or ProblemException)
        {
            return AuthenticateResult.Fail(e);
        }
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        if (failure is ProblemException unavailable)
        {
            await ProblemWriter.WriteAsync(Context, unavailable);
            return;
        }

        Response.Headers.WWWAuthenticate = failure is InvalidTokenException
            ? $"Bearer error=\"invalid_token\", error_description=\"{failure.Message}\""
            : "Bearer";
        await ProblemWriter.WriteAsync(Context, new ProblemException(
            StatusCodes.Status401Unauthorized,
            failure is null ? "unauthenticated" : "invalid_token",
            failure?.Message ?? "This needs a bearer token in the Authorization header."));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => ProblemWriter.WriteAsync(Context, ProblemException.Forbidden());
}
