using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests;

/// <summary>A service as the gateway sees it: answers with its name, counts what it got, and dies or stays silent where a test says so.</summary>
public sealed class Replica(string name) : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _got = [];
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _app;

    public string Name { get; } = name;

    public int Port { get; } = Ports.Free();

    /// <summary>With one it speaks TLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    public string Address => $"{(Certificate is null ? "http" : "https")}://127.0.0.1:{Port}";

    /// <summary>Method and path of each request that was no probe.</summary>
    public IReadOnlyCollection<string> Got => _got;

    public bool IsReady { get; set; } = true;

    /// <summary>How requests to <c>/work</c> are answered.</summary>
    public RequestDelegate Work { get; set; } = context => context.Response.WriteAsync(name);

    /// <summary>Ends when a reader of <c>/stream</c> has left.</summary>
    public Task ReaderLeft => _left.Task;

    /// <summary>What the readers of <c>/stream</c> get, one by one.</summary>
    public System.Threading.Channels.Channel<string> Events { get; } = System.Threading.Channels.Channel.CreateUnbounded<string>();

    public async Task<Replica> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Address).UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.ConfigureHttpsDefaults(https => https.ServerCertificate = Certificate));
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync();
        return this;
    }

    /// <summary>Takes its connections with it, as the end of a process does.</summary>
    public async Task DieAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app!.StopAsync(now.Token);
        await _app.DisposeAsync();
        _app = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await DieAsync();
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/health/ready")
        {
            context.Response.StatusCode = IsReady ? 200 : 503;
            return;
        }

        _got.Enqueue($"{context.Request.Method} {context.Request.Path}");
        await (context.Request.Path.Value switch
        {
            "/stream" => StreamAsync(context),
            "/heard" => context.Response.WriteAsJsonAsync(context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString())),
            _ => Work(context),
        });
    }

    private async Task StreamAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        try
        {
            await foreach (var each in Events.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync($"data: {each}\n\n");
                await context.Response.Body.FlushAsync();
            }
        }
        catch (OperationCanceledException)
        {
            _left.TrySetResult();
        }
    }
}
