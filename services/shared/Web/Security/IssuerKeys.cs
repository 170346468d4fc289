using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>
/// The issuer's keys by discovery. Kept for ten minutes, asked for again when a token names an unknown key (at most once a minute),
/// and the last good set stays in use while the issuer is down.
/// </summary>
public sealed partial class IssuerKeys(
    IHttpClientFactory clients, IOptions<AuthenticationSettings> options, TimeProvider clock, ILogger<IssuerKeys> logger) : ISigningKeySource, IDisposable
{
    /// <summary>Name of the HTTP client that fetches discovery document and keys.</summary>
    public const string ClientName = "issuer";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan MinimumInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan IntervalWithoutKeys = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim refreshing = new(1);
    private volatile KeySet? current;
    private DateTimeOffset lastAttempt = DateTimeOffset.MinValue;

    public async ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        var set = current;
        if (set is not null && set.Keys.TryGetValue(keyId, out var key))
        {
            if (clock.GetUtcNow() - set.FetchedAt < Lifetime || !await refreshing.WaitAsync(0, cancellationToken))
            {
                return key;
            }
        }
        else
        {
            await refreshing.WaitAsync(cancellationToken);
        }

        try
        {
            await RefreshAsync(keyId, cancellationToken);
        }
        finally
        {
            refreshing.Release();
        }

        return current is { } known
            ? known.Keys.GetValueOrDefault(keyId)
            : throw ProblemException.Unavailable("The token issuer cannot be reached, so that the token cannot be checked.");
    }

    public void Dispose() => refreshing.Dispose();

    private async Task RefreshAsync(string keyId, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var set = current;
        var answeredMeanwhile = set is not null && now - set.FetchedAt < Lifetime && set.Keys.ContainsKey(keyId);
        if (answeredMeanwhile || now - lastAttempt < (set is null ? IntervalWithoutKeys : MinimumInterval))
        {
            return;
        }

        lastAttempt = now;
        try
        {
            current = new KeySet(await FetchAsync(cancellationToken), now);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or InvalidOperationException or KeyNotFoundException or UriFormatException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFetchFailed(logger, e.Message, set is null ? "no token can be accepted until it answers" : "the keys known so far stay in use");
        }
    }

    private async Task<Dictionary<string, VerificationKey>> FetchAsync(CancellationToken cancellationToken)
    {
        var settings = options.Value;
        using var client = clients.CreateClient(ClientName);
        var discovery = await client.GetFromJsonAsync<JsonElement>(
            new Uri($"{settings.Authority.TrimEnd('/')}/.well-known/openid-configuration"), cancellationToken);
        var issuer = discovery.GetProperty("issuer").GetString();
        if (issuer?.TrimEnd('/') != settings.ExpectedIssuer)
        {
            throw new InvalidOperationException($"The discovery document is of the issuer '{issuer}', expected '{settings.ExpectedIssuer}'.");
        }

        var jwksUri = new Uri(discovery.GetProperty("jwks_uri").GetString()!, UriKind.Absolute);
        if (jwksUri.Scheme != Uri.UriSchemeHttps && new Uri(settings.Authority).Scheme == Uri.UriSchemeHttps)
        {
            throw new InvalidOperationException("The issuer offers its keys without TLS.");
        }

        return VerificationKey.ReadSet(await client.GetFromJsonAsync<JsonElement>(jwksUri, cancellationToken));
    }

    [LoggerMessage(1101, LogLevel.Warning, "The token issuer's keys could not be fetched ({Reason}); {Consequence}.")]
    private static partial void LogFetchFailed(ILogger logger, string reason, string consequence);

    private sealed record KeySet(Dictionary<string, VerificationKey> Keys, DateTimeOffset FetchedAt);
}
