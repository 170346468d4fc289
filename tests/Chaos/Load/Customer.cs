using System.Diagnostics;
using System.Net;
using Shop.Cluster;

namespace Shop.Chaos.Load;

/// <summary>
/// A customer with a sensible client: every request has a deadline, a connection that breaks or a service that says "not now" is asked again,
/// a repeated POST carries the same <c>Idempotency-Key</c>, and an expired token is replaced.
/// </summary>
/// <param name="signIn">A new session.</param>
/// <param name="tenantId">Whose customer, or whose operator.</param>
/// <param name="patience">How long one request is repeated.</param>
public sealed class Customer(Func<Task<ShopClient>> signIn, string? tenantId, TimeSpan patience) : IDisposable
{
    private readonly SemaphoreSlim _signingIn = new(1);
    private ShopClient? _client;

    public Guid UserId => _client?.UserId ?? Guid.Empty;

    public string? TenantId => tenantId;

    /// <summary>A client that is signed in, for requests that are not worth repeating.</summary>
    public async Task<ShopClient> ClientAsync(ShopClient? refused = null)
    {
        await _signingIn.WaitAsync();
        try
        {
            if (_client is null || _client == refused)
            {
                _client = await signIn();
            }

            return _client;
        }
        finally
        {
            _signingIn.Release();
        }
    }

    /// <summary>Forgets the session, so that the next request begins another.</summary>
    public void SignOut() => _client = null;

    /// <summary>Asks until there is an answer that is about the request and not about the weather; null when the customer's patience ended.</summary>
    public async Task<(HttpStatusCode Status, string Body, bool Replayed)?> AskAsync(
        HttpMethod method, string service, string path, object? body = null, string? idempotencyKey = null)
    {
        var started = Stopwatch.GetTimestamp();
        var wait = TimeSpan.FromMilliseconds(100);
        ShopClient? refused = null;
        while (Stopwatch.GetElapsedTime(started) < patience)
        {
            try
            {
                var signedIn = await ClientAsync(refused);
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(15));
                using var response = await signedIn.SendAsync(method, service, path, body, idempotencyKey, limit.Token);
                var text = await response.Content.ReadAsStringAsync(limit.Token);
                switch (response.StatusCode)
                {
                    case HttpStatusCode.Unauthorized:
                        refused = signedIn;
                        break;
                    case HttpStatusCode.Conflict when text.Contains("idempotency_key_in_progress", StringComparison.Ordinal)
                        || text.Contains("concurrent_change", StringComparison.Ordinal):
                    case HttpStatusCode.TooManyRequests:
                    case >= HttpStatusCode.InternalServerError:
                        break;
                    default:
                        return (response.StatusCode, text, response.Headers.Contains("Idempotency-Replayed"));
                }
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                // The replica was killed, frozen or cut off; the next attempt meets another one.
            }

            await Task.Delay(wait);
            wait = TimeSpan.FromMilliseconds(Math.Min(2_000, wait.TotalMilliseconds * 1.6));
        }

        return null;
    }

    public void Dispose()
    {
        _client?.Dispose();
        _signingIn.Dispose();
    }
}
