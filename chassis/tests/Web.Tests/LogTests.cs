using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Chassis.Web.Tests;

/// <summary>What a line of the log says beside its message, in each of the forms in which it leaves.</summary>
public sealed partial class A_line_of_the_log
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string Happened = "2027-01-02T03:04:05+01:00";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Has_event_correlation_and_trace_for_people()
    {
        var line = Written(json: false);
        line.ShouldContain($" wrn Lines[4242]: 7 things of kettle are gone since ");
        line.ShouldEndWith($" correlation=checkout-4711 trace={TraceId}\n");
    }

    [Fact]
    public void Has_event_correlation_and_trace_for_machines_and_numbers_are_numbers()
    {
        var line = JsonDocument.Parse(Written(json: true)).RootElement;
        line.GetProperty("event").GetInt32().ShouldBe(4242);
        line.GetProperty("name").GetString().ShouldBe("things.gone");
        line.GetProperty("correlationId").GetString().ShouldBe("checkout-4711");
        line.GetProperty("traceId").GetString().ShouldBe(TraceId);
        line.GetProperty("spanId").GetString()!.Length.ShouldBe(16);

        var data = line.GetProperty("data");
        data.GetProperty("Count").GetInt32().ShouldBe(7);
        data.GetProperty("Thing").GetString().ShouldBe("kettle");
        data.GetProperty("Since").GetString().ShouldBe(Happened);
        data.GetProperty("Seconds").GetDouble().ShouldBe(0.5);
        data.GetProperty("Rest").GetString().ShouldBe("NaN");
        data.GetProperty("Pause").GetString().ShouldBe("00:00:01.5000000");
        data.EnumerateObject().Count().ShouldBe(6);
    }

    [Fact]
    public async Task Has_event_correlation_and_trace_over_otlp()
    {
        var received = new ConcurrentQueue<string>();
        await using var collector = WebApplication.CreateSlimBuilder().Build();
        collector.Urls.Add("http://127.0.0.1:0");
        collector.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body, Token);
            if (signal == "logs")
            {
                received.Enqueue(Encoding.Latin1.GetString(body.ToArray()));
            }
        });
        await collector.StartAsync(Token);

        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0", ["Authentication:Authority"] = TestTokens.Issuer, ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.Single(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf", ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
        });
        builder.AddServiceDefaults("telling");
        await using var service = builder.Build();
        service.UseServiceDefaults();
        service.MapGet("/things", (ILogger<Lines> logger) =>
        {
            Log(logger);
            return Activity.Current!.TraceId.ToHexString();
        }).AllowAnonymous();
        await service.StartAsync(Token);
        using var client = new HttpClient { BaseAddress = new Uri(service.Urls.Single()) };
        client.DefaultRequestHeaders.Add("X-Correlation-Id", "checkout-4711");
        var trace = await client.GetStringAsync("/things", Token);

        // One record of the request beside the one of the handler: both belong to it.
        var records = await Poll.UntilAsync(
            () => Task.FromResult(string.Concat(received)),
            all => all.Contains("things.gone", StringComparison.Ordinal) && all.Contains("request.answered", StringComparison.Ordinal),
            "the records to arrive",
            TimeSpan.FromSeconds(30));
        Correlations().Count(records).ShouldBe(2);
        Ids().Matches(records).Select(m => (m.Groups[1].Value[0] & 0x7f) | (m.Groups[1].Value[1] << 7)).Intersect([4242, 1301]).Count().ShouldBe(2);
        (records.Split(Encoding.Latin1.GetString(Convert.FromHexString(trace))).Length - 1).ShouldBe(2);
    }

    private static void Log(ILogger logger) => LogGone(
        logger, 7, "kettle", DateTimeOffset.Parse(Happened, null), 0.5, double.NaN, TimeSpan.FromSeconds(1.5));

    private static string Written(bool json)
    {
        using var activity = new Activity("test").SetParentId(
            ActivityTraceId.CreateFromString(TraceId), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded).Start();
        using var _ = OperationContext.Begin(new OperationContext("checkout-4711"));
        var lines = new Lines(json);
        Log(lines);
        return lines.Text;
    }

    // Protobuf: an attribute is its key, then its value, each by its length; a number in groups of 7 bits.
    [GeneratedRegex("\n\u000ecorrelation\\.id\u0012.\n\rcheckout-4711", RegexOptions.Singleline)]
    private static partial Regex Correlations();

    [GeneratedRegex("\n\u0008event\\.id\u0012.\u0018(..)", RegexOptions.Singleline)]
    private static partial Regex Ids();

    [LoggerMessage(4242, LogLevel.Warning, "{Count} things of {Thing} are gone since {Since}, {Seconds} {Rest} {Pause}", EventName = "things.gone")]
    private static partial void LogGone(ILogger logger, int count, string thing, DateTimeOffset since, double seconds, double rest, TimeSpan pause);

    /// <summary>What the console would show.</summary>
    private sealed class Lines(bool json) : ILogger
    {
        public string Text { get; private set; } = "";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            using var text = new StringWriter();
            new ServiceConsole(new Options(json)).Write(
                new LogEntry<TState>(logLevel, "Chassis.Web.Tests.Lines", eventId, state, exception, formatter), null, text);
            Text += text;
        }
    }

    private sealed class Options(bool json) : IOptionsMonitor<ServiceConsoleOptions>
    {
        public ServiceConsoleOptions CurrentValue { get; } = new() { Json = json, Service = "sample" };

        public ServiceConsoleOptions Get(string? name) => CurrentValue;

        public IDisposable? OnChange(Action<ServiceConsoleOptions, string?> listener) => null;
    }
}
