using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using ShopConsole.Api;

namespace ShopConsole.Tests;

/// <summary>Stands for the services: what each answers to a path, and what it was asked.</summary>
/// <param name="patience">How long whoever asks waits; long enough for a busy machine, where a test waits for nothing.</param>
internal sealed class StubServices(TimeSpan? patience = null) : HttpMessageHandler, IHttpClientFactory
{
    private readonly ConcurrentDictionary<string, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>>> _answers = new();
    private readonly ConcurrentQueue<(HttpRequestMessage Request, string Body)> _asked = new();

    public IReadOnlyCollection<(HttpRequestMessage Request, string Body)> Asked => _asked;

    public ConsoleSettings Settings { get; } = new()
    {
        Services = ConsoleSettings.Always.ToDictionary(s => s, s => new Uri($"http://{s}.test/")), Timeout = patience ?? TimeSpan.FromSeconds(30),
    };

    public ShopApi Api => new(this, Options.Create(Settings));

    /// <summary>Lets a service answer to a path, whatever the query.</summary>
    public StubServices With(string service, string path, string body, HttpStatusCode status = HttpStatusCode.OK, string type = "application/json") =>
        With(service, path, (_, _) => Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, type) }));

    public StubServices With(string service, string path, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> answer)
    {
        _answers[$"{service}.test{path}"] = answer;
        return this;
    }

    public HttpClient CreateClient(string name) => new(this, disposeHandler: false);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        _asked.Enqueue((request, request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken)));
        return _answers.TryGetValue(request.RequestUri!.Host + request.RequestUri.AbsolutePath, out var answer)
            ? await answer(request, cancellationToken)
            : new HttpResponseMessage(HttpStatusCode.NotFound);
    }
}
