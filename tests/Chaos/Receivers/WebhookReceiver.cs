using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Shop.Chaos.Receivers;

/// <summary>A partner's endpoint: keeps every attempt, checks every signature, and can be told to fail.</summary>
public sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<WebhookAttempt> _attempts = new();
    private readonly ConcurrentDictionary<string, byte[]> _secrets = new();
    private readonly ConcurrentDictionary<string, Behaviour> _modes = new();

    private WebhookReceiver(WebApplication app) => this._app = app;

    public IReadOnlyCollection<WebhookAttempt> Attempts => _attempts;

    public static async Task<WebhookReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new WebhookReceiver(app);
        app.MapPost("/{endpoint}", receiver.ReceiveAsync);
        await app.StartAsync();
        return receiver;
    }

    public Uri UrlOf(string endpoint) => new(new Uri(_app.Urls.First()), endpoint);

    /// <param name="endpoint">Name in the path.</param>
    /// <param name="secret"><c>whsec_…</c>, as answered at registration.</param>
    public void Trust(string endpoint, string secret) => _secrets[endpoint] = Convert.FromBase64String(secret["whsec_".Length..]);

    public void Set(string endpoint, Behaviour mode) => _modes[endpoint] = mode;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(string endpoint, HttpContext context)
    {
        using var memory = new MemoryStream();
        await context.Request.Body.CopyToAsync(memory, context.RequestAborted);
        var body = memory.ToArray();
        var headers = context.Request.Headers;
        var id = headers["webhook-id"].ToString();
        var mode = _modes.GetValueOrDefault(endpoint, Behaviour.Accept);
        _attempts.Enqueue(new WebhookAttempt(
            endpoint,
            id,
            Convert.ToHexString(SHA256.HashData(body)),
            IsSigned(endpoint, id, headers["webhook-timestamp"].ToString(), headers["webhook-signature"].ToString(), body),
            mode == Behaviour.Accept));
        switch (mode)
        {
            case Behaviour.Refuse:
                return Results.StatusCode(StatusCodes.Status500InternalServerError);
            case Behaviour.Gone:
                return Results.StatusCode(StatusCodes.Status410Gone);
            case Behaviour.Hang:
                await Task.Delay(TimeSpan.FromSeconds(30), context.RequestAborted);
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            default:
                return Results.NoContent();
        }
    }

    /// <summary>Standard Webhooks: HMAC-SHA256 over <c>id.timestamp.body</c>, one of several space-separated <c>v1,…</c> must fit.</summary>
    private bool IsSigned(string endpoint, string id, string timestamp, string signatures, byte[] body)
    {
        if (!_secrets.TryGetValue(endpoint, out var secret))
        {
            return false;
        }

        byte[] content = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, content));
        return signatures.Split(' ').Any(s => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(s), Encoding.UTF8.GetBytes(expected)));
    }

    /// <summary>A signal to end is for the whole run; by default the web host would keep it for itself.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <param name="Endpoint">Which subscription.</param>
/// <param name="Id">The stable <c>webhook-id</c>.</param>
/// <param name="BodyHash">SHA-256 of the body.</param>
/// <param name="IsSigned">Whether the signature was right.</param>
/// <param name="Accepted">Whether it was answered with 2xx.</param>
public sealed record WebhookAttempt(string Endpoint, string Id, string BodyHash, bool IsSigned, bool Accepted);
