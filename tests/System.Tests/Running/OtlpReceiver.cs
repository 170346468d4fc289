using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.SystemTests.Running;

/// <summary>What a span says, as far as the tests ask.</summary>
/// <param name="Service">The resource's <c>service.name</c>.</param>
/// <param name="Source">The instrumentation that made it, for example <c>Npgsql</c>.</param>
public sealed record Span(string Service, string Source, string Name, string TraceId, string SpanId, string ParentId, int Kind, IReadOnlyList<string> Links)
{
    public override string ToString() => $"{Service} | {Source} | {Name}";
}

/// <summary>Takes traces over OTLP/HTTP, as a telemetry backend would.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Span> _spans = new();

    private OtlpReceiver(WebApplication app) => this._app = app;

    public string Address => _app.Urls.First();

    public IReadOnlyCollection<Span> Spans => _spans;

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/{signal}", receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public IReadOnlyList<Span> Trace(string traceId) => [.. _spans.Where(s => s.TraceId == traceId)];

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> TakeAsync(string signal, HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        if (signal == "traces")
        {
            foreach (var span in Read(new Protobuf(body.ToArray())))
            {
                _spans.Enqueue(span);
            }
        }

        return Results.Bytes([], "application/x-protobuf");
    }

    /// <summary>Field numbers of opentelemetry/proto/collector/trace/v1.</summary>
    private static IEnumerable<Span> Read(Protobuf export)
    {
        foreach (var resourceSpans in export.Messages(1))
        {
            var service = resourceSpans.Messages(1)
                .SelectMany(resource => resource.Messages(1))
                .Where(a => a.Text(1) == "service.name")
                .Select(a => a.Messages(2).Single().Text(1))
                .FirstOrDefault()
                ?? "";
            foreach (var scopeSpans in resourceSpans.Messages(2))
            {
                var source = scopeSpans.Messages(1).Select(s => s.Text(1)).FirstOrDefault() ?? "";
                foreach (var span in scopeSpans.Messages(2))
                {
                    yield return new Span(
                        service,
                        source,
                        span.Text(5),
                        span.Hex(1),
                        span.Hex(2),
                        span.Hex(4),
                        (int)span.Number(6),
                        [.. span.Messages(13).Select(l => l.Hex(1))]);
                }
            }
        }
    }
}
