using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.SystemTests.Running;

/// <summary>What a span says, as far as the tests ask.</summary>
/// <param name="Service">The resource's <c>service.name</c>.</param>
/// <param name="Source">The instrumentation that made it, for example <c>Npgsql</c>.</param>
/// <param name="Links">The traces that it is linked to.</param>
/// <param name="Attributes">What it says of itself, and what its events say.</param>
/// <param name="IsError">Whether it failed.</param>
public sealed record Span(
    string Service, string Source, string Name, string TraceId, string SpanId, string ParentId, int Kind, IReadOnlyList<string> Links,
    ILookup<string, string> Attributes, bool IsError)
{
    public string? this[string attribute] => Attributes[attribute].FirstOrDefault();

    public override string ToString() => $"{Service} | {Name}{(IsError ? " | " + this["error.type"] : "")}";
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
                        [.. span.Messages(13).Select(l => l.Hex(1))],
                        span.Messages(9).Concat(span.Messages(11).SelectMany(e => e.Messages(3))).ToLookup(a => a.Text(1), a => Value(a.Messages(2).Single())),
                        span.Messages(15).Any(status => status.Number(3) == 2));
                }
            }
        }
    }

    /// <summary>A text, or a whole number, which is all that the tests ask for.</summary>
    private static string Value(Protobuf any) => any.Has(1) ? any.Text(1) : any.Number(3).ToString(CultureInfo.InvariantCulture);
}
