using System.Net.Http.Headers;
using Chassis;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using ShopConsole.SignIn;

namespace ShopConsole.Api;

/// <summary>
/// Asks the services in the name of the person whose page it is. An act takes along what its form says of why it is done: the audit of every service keeps it,
/// also where the request has no member for it.
/// </summary>
internal sealed class TokenOfWhoeverLooks(IHttpContextAccessor accessor) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Headers.Authorization is null && accessor.HttpContext is { } context)
        {
            var signedIn = await context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme);
            if (signedIn.Properties?.GetTokenValue(ConsoleSignIn.AccessToken) is { } token)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }
        }

        if (request.Method != HttpMethod.Get && accessor.HttpContext?.Request is { HasFormContentType: true } form
            && (await form.ReadFormAsync(cancellationToken))["Reason"].ToString() is { Length: > 0 } reason)
        {
            request.Headers.TryAddWithoutValidation("X-Reason", string.Concat(reason.Select(c => char.IsControl(c) ? ' ' : c)));
        }

        return await base.SendAsync(request, cancellationToken);
    }
}
