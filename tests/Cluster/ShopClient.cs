using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Shop.Cluster;

/// <summary>
/// A caller of the whole system, signed in or not: goes through the gateway, or else to the replicas in turn. It signs in again when its token has ended.
/// </summary>
public sealed class ShopClient : IDisposable
{
    /// <summary>Of everybody who is registered here.</summary>
    public const string Password = "correct horse battery staple";

    /// <summary>How long a service may say "not now" to a request that must succeed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // Shorter ones are given to those who want to meet their end.
    private static readonly TimeSpan ShortestRenewed = TimeSpan.FromMinutes(1);

    private readonly ShopCluster _cluster;
    private readonly IReadOnlyDictionary<string, string>? _grant;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(2) };
    private readonly SemaphoreSlim _renewing = new(1);
    private Token? _token;
    private int _turn;

    private ShopClient(ShopCluster cluster, IReadOnlyDictionary<string, string>? grant = null) => (this._cluster, this._grant) = (cluster, grant);

    /// <summary>The id of the user; empty when anonymous.</summary>
    public Guid UserId { get; private set; }

    /// <summary>What its requests carry; null when anonymous.</summary>
    public AuthenticationHeaderValue? Authorization => _token?.Authorization;

    public static ShopClient Anonymous(ShopCluster cluster) => new(cluster);

    public static async Task<ShopClient> SignInAsync(ShopCluster cluster, string email, string password)
    {
        var client = await GrantAsync(cluster, new() { ["grant_type"] = "password", ["username"] = email, ["password"] = password });
        client.UserId = (await client.GetAsync("users", "/v1/users/me")).GetProperty("id").GetGuid();
        return client;
    }

    /// <summary>A program that acts for itself, as the users service's settings name it; it has no user id.</summary>
    public static Task<ShopClient> OfClientAsync(ShopCluster cluster, string id, string secret) =>
        GrantAsync(cluster, new() { ["grant_type"] = "client_credentials", ["client_id"] = id, ["client_secret"] = secret });

    public static Task<ShopClient> OperatorAsync(ShopCluster cluster) => SignInAsync(cluster, ShopCluster.OperatorEmail, ShopCluster.OperatorPassword);

    /// <param name="cluster">Where.</param>
    /// <param name="name">The customer's.</param>
    /// <param name="by">Whose tenant the customer is of; null for somebody who registers alone.</param>
    public static async Task<ShopClient> RegisterAsync(ShopCluster cluster, string name, ShopClient? by = null)
    {
        var email = $"{name}-{Guid.NewGuid():n}@example.com";
        using var anonymous = Anonymous(cluster);
        await (by ?? anonymous).PostAsync("users", "/v1/users", new { email, password = Password, fullName = name });
        return await SignInAsync(cluster, email, Password);
    }

    /// <summary>One request to the next running replica; the caller looks at the status.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string service, string path, object? body = null, string? idempotencyKey = null, CancellationToken ct = default)
    {
        await RenewAsync();
        using var request = new HttpRequestMessage(method, At(service, path)) { Headers = { Authorization = Authorization } };
        if (body is not null)
        {
            request.Content = JsonContent.Create(body);
        }

        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await _http.SendAsync(request, ct);
    }

    /// <summary>A request that must succeed; its answer, or an undefined element when there is no body.</summary>
    public async Task<JsonElement> CallAsync(HttpMethod method, string service, string path, object? body = null, string? idempotencyKey = null)
    {
        var key = idempotencyKey ?? (method == HttpMethod.Post ? Guid.NewGuid().ToString() : null);
        using var response = await AgainAsync(() => SendAsync(method, service, path, body, key));
        var text = await response.Content.ReadAsStringAsync();
        return !response.IsSuccessStatusCode
            ? throw new HttpRequestException($"{method} {path} answered {(int)response.StatusCode}: {text}", null, response.StatusCode)
            : text.Length == 0 || response.StatusCode == HttpStatusCode.NoContent ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    public Task<JsonElement> GetAsync(string service, string path) => CallAsync(HttpMethod.Get, service, path);

    public Task<JsonElement> PostAsync(string service, string path, object? body = null, string? idempotencyKey = null) =>
        CallAsync(HttpMethod.Post, service, path, body, idempotencyKey);

    /// <summary>Adds a product with stock, as an operator.</summary>
    public async Task StockAsync(string sku, int quantity, string amount = "19.99", string currency = "EUR")
    {
        await PostAsync("inventory", "/v1/products", new { sku, name = $"Product {sku}", price = new { amount, currency } });
        if (quantity > 0)
        {
            await PostAsync("inventory", $"/v1/products/{sku}/receipts", new { quantity, reference = "initial stock" });
        }
    }

    /// <summary>Places an order at once; answers its id.</summary>
    public async Task<Guid> OrderAsync(string paymentMethod, params (string Sku, int Quantity)[] items)
    {
        var order = await PostAsync("orders", "/v1/orders", OrderBody(paymentMethod, items), Guid.NewGuid().ToString());
        return order.GetProperty("id").GetGuid();
    }

    public static object OrderBody(string paymentMethod, params (string Sku, int Quantity)[] items) =>
        OrderBody(paymentMethod, new { name = "Ada Example", line1 = "1 Sample Street", city = "Berlin", postalCode = "10115", country = "DE" }, items);

    public static object OrderBody(string paymentMethod, object shippingAddress, params (string Sku, int Quantity)[] items) => new
    {
        items = items.Select(i => new { sku = i.Sku, quantity = i.Quantity }),
        submit = new { paymentMethod, shippingAddress },
    };

    public void Dispose()
    {
        _http.Dispose();
        _renewing.Dispose();
    }

    private static async Task<ShopClient> GrantAsync(ShopCluster cluster, Dictionary<string, string> grant)
    {
        var client = new ShopClient(cluster, grant);
        using var response = await client.AskForTokenAsync();
        response.EnsureSuccessStatusCode();
        client._token = await Token.OfAsync(response);
        return client;
    }

    /// <summary>A run on a slow machine is longer than the life of a token. Whoever is not let in again keeps the old one, and hears of it.</summary>
    private async Task RenewAsync()
    {
        if (_token is not { HasEnded: true })
        {
            return;
        }

        await _renewing.WaitAsync();
        try
        {
            if (_token.HasEnded)
            {
                using var response = await AskForTokenAsync();
                _token = response.IsSuccessStatusCode ? await Token.OfAsync(response) : _token;
            }
        }
        finally
        {
            _renewing.Release();
        }
    }

    private Task<HttpResponseMessage> AskForTokenAsync() => AgainAsync(async () =>
    {
        using var form = new FormUrlEncodedContent(_grant!);
        return await _http.PostAsync(At("users", "/connect/token"), form);
    });

    /// <summary>Does what an answer 503 asks for: it comes again.</summary>
    private static async Task<HttpResponseMessage> AgainAsync(Func<Task<HttpResponseMessage>> ask)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var response = await ask();
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || TimeProvider.System.GetElapsedTime(began) > Patience)
            {
                return response;
            }

            var pause = response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1);
            response.Dispose();
            await Task.Delay(pause);
        }
    }

    private Uri At(string service, string path)
    {
        if (_cluster.HasGateway)
        {
            return new Uri(_cluster.AddressOf(service), path);
        }

        var running = _cluster.Of(service).Where(r => r.IsRunning).ToArray();
        var replica = running.Length == 0 ? _cluster.Of(service)[0] : running[(int)((uint)Interlocked.Increment(ref _turn) % running.Length)];
        return new Uri(replica.Address, path);
    }

    private sealed record Token(AuthenticationHeaderValue Authorization, TimeSpan Lifetime, long Since)
    {
        public bool HasEnded => Lifetime >= ShortestRenewed && TimeProvider.System.GetElapsedTime(Since) >= Lifetime;

        public static async Task<Token> OfAsync(HttpResponseMessage response)
        {
            var token = await response.Content.ReadFromJsonAsync<JsonElement>();
            return new Token(
                new AuthenticationHeaderValue("Bearer", token.GetProperty("access_token").GetString()),
                TimeSpan.FromSeconds(token.GetProperty("expires_in").GetInt32()),
                TimeProvider.System.GetTimestamp());
        }
    }
}
