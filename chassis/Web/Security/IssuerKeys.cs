using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Web;

/// <summary>
/// The issuer's keys by discovery. Kept for a quarter of a minute, so that a key that was stolen and withdrawn is refused at once; asked for again when a token
/// names an unknown key (at most once a minute, after a failure every five seconds); and the last good set stays in use while the issuer is down, for a day at
/// most. Who asks waits for the fetch, unless the last one has failed, and does not own it: a caller who hangs up ends nothing for the others. Times are those
/// of a clock that nobody sets.
/// </summary>
public sealed partial class IssuerKeys(
    IHttpClientFactory clients, IOptions<AuthenticationSettings> options, TimeProvider clock, ILogger<IssuerKeys> logger) : ISigningKeySource
{
    /// <summary>Name of the HTTP client that fetches discovery document and keys.</summary>
    public const string ClientName = "issuer";

    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan MaximumAge = TimeSpan.FromHours(24);
    private static readonly TimeSpan MinimumInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan IntervalAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan IntervalWithoutKeys = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private volatile KeySet? _current;
    private Task _fetching = Task.CompletedTask;
    private long? _lastAttempt;
    private bool _lastFailed;

    public async ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken ct)
    {
        var set = _current;
        var key = set?.Keys.GetValueOrDefault(keyId);
        if (key is not null && clock.GetElapsedTime(set!.FetchedAt) < Lifetime)
        {
            return key;
        }

        Task fetch;
        lock (_gate)
        {
            // Somebody else waits already, or nobody answered the last time.
            var asIs = (!_fetching.IsCompleted || _lastFailed) && key is not null && clock.GetElapsedTime(set!.FetchedAt) < MaximumAge;
            if (_fetching.IsCompleted && MayAsk(keyId))
            {
                _lastAttempt = clock.GetTimestamp();
                _fetching = RefreshAsync();
            }

            if (asIs)
            {
                return key;
            }

            fetch = _fetching;
        }

        await fetch.WaitAsync(ct);
        return _current is { } known && clock.GetElapsedTime(known.FetchedAt) < MaximumAge
            ? known.Keys.GetValueOrDefault(keyId)
            : throw ProblemException.Unavailable("The token issuer cannot be reached, so that the token cannot be checked.");
    }

    // Under the lock: what another caller has fetched meanwhile need not be fetched again.
    private bool MayAsk(string keyId)
    {
        var set = _current;
        var interval = set switch
        {
            null => IntervalWithoutKeys,
            _ when _lastFailed => IntervalAfterFailure,
            _ when set.Keys.ContainsKey(keyId) => Lifetime,
            _ => MinimumInterval,
        };
        return _lastAttempt is not { } last || clock.GetElapsedTime(last) >= interval;
    }

    private async Task RefreshAsync()
    {
        // Whoever called goes on at once; the fetch has a time-out of its own.
        await Task.Yield();
        using var timeout = new CancellationTokenSource(Patience, clock);
        try
        {
            _current = new KeySet(await FetchAsync(timeout.Token), clock.GetTimestamp());
            _lastFailed = false;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or InvalidOperationException or KeyNotFoundException
            or UriFormatException or OperationCanceledException)
        {
            _lastFailed = true;
            LogFetchFailed(logger, e.Message, _current is null ? "no token can be accepted until it answers" : "the keys known so far stay in use");
        }
    }

    private async Task<Dictionary<string, VerificationKey>> FetchAsync(CancellationToken ct)
    {
        var settings = options.Value;
        using var client = clients.CreateClient(ClientName);
        var discovery = await client.GetFromJsonAsync<JsonElement>(
            new Uri($"{settings.Authority.TrimEnd('/')}/.well-known/openid-configuration"), ct);
        var issuer = discovery.GetProperty("issuer").GetString();
        if (issuer?.TrimEnd('/') != settings.ExpectedIssuer)
        {
            throw new InvalidOperationException($"The discovery document is of the issuer '{issuer}', expected '{settings.ExpectedIssuer}'.");
        }

        var jwksUri = new Uri(settings.UnderAuthority(discovery.GetProperty("jwks_uri").GetString()!), UriKind.Absolute);
        if (jwksUri.Scheme != Uri.UriSchemeHttps && new Uri(settings.Authority).Scheme == Uri.UriSchemeHttps)
        {
            throw new InvalidOperationException("The issuer offers its keys without TLS.");
        }

        return VerificationKey.ReadSet(await client.GetFromJsonAsync<JsonElement>(jwksUri, ct));
    }

    [LoggerMessage(1101, LogLevel.Warning, "The token issuer's keys could not be fetched ({Reason}); {Consequence}.", EventName = "issuer_keys.fetch_failed")]
    private static partial void LogFetchFailed(ILogger logger, string reason, string consequence);

    private sealed record KeySet(Dictionary<string, VerificationKey> Keys, long FetchedAt);
}
