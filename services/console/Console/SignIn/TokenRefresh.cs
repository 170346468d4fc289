using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chassis.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace ShopConsole.SignIn;

/// <summary>Gets the next access token before the one in the cookie ends. Whose session has ended at the issuer, is signed out here.</summary>
internal sealed partial class TokenRefresh(
    IHttpClientFactory clients, IOptions<AuthenticationSettings> issuer, IOptions<ConsoleSettings> console, TimeProvider clock, ILogger<TokenRefresh> logger)
{
    public const string ClientName = "issuer";

    private static readonly TimeSpan Early = TimeSpan.FromSeconds(30);

    public async Task CheckAsync(CookieValidatePrincipalContext context)
    {
        var (tokens, ct) = (context.Properties, context.HttpContext.RequestAborted);
        if (!DateTimeOffset.TryParse(tokens.GetTokenValue(ConsoleSignIn.ExpiresAt), CultureInfo.InvariantCulture, out var end)
            || tokens.GetTokenValue(ConsoleSignIn.RefreshToken) is not { } refresh)
        {
            context.RejectPrincipal();
            return;
        }

        if (end - clock.GetUtcNow() > Early)
        {
            return;
        }

        try
        {
            using var answer = await AskAsync(refresh, ct);
            if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized)
            {
                context.RejectPrincipal();
                await context.HttpContext.SignOutAsync(context.Scheme.Name);
                return;
            }

            answer.EnsureSuccessStatusCode();
            var next = await answer.Content.ReadFromJsonAsync<Tokens>(ct) ?? throw new HttpRequestException("The issuer has answered with nothing.");
            tokens.UpdateTokenValue(ConsoleSignIn.AccessToken, next.Access);
            tokens.UpdateTokenValue(ConsoleSignIn.RefreshToken, next.Refresh ?? refresh);
            tokens.UpdateTokenValue(ConsoleSignIn.ExpiresAt, clock.GetUtcNow().AddSeconds(next.ExpiresIn).ToString("O", CultureInfo.InvariantCulture));
            context.ShouldRenew = true;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            // The issuer is away: what needs no token of its is still shown, and the rest says so.
            LogNotRenewed(logger, e.Message);
        }
    }

    private async Task<HttpResponseMessage> AskAsync(string refresh, CancellationToken ct)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = refresh, ["client_id"] = console.Value.ClientId };
        if (console.Value.ClientSecret is { } secret)
        {
            form["client_secret"] = secret;
        }

        using var client = clients.CreateClient(ClientName);
        client.Timeout = console.Value.Timeout;
        using var content = new FormUrlEncodedContent(form);
        return await client.PostAsync(new Uri($"{issuer.Value.ExpectedIssuer}/connect/token"), content, ct);
    }

    [LoggerMessage(8101, LogLevel.Warning, "A token could not be renewed: {Reason}", EventName = "console.token_not_renewed")]
    private static partial void LogNotRenewed(ILogger logger, string reason);

    private sealed record Tokens(
        [property: JsonPropertyName("access_token")] string Access,
        [property: JsonPropertyName("refresh_token")] string? Refresh,
        [property: JsonPropertyName("expires_in")] int ExpiresIn);
}
