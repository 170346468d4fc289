using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <summary>
/// Who listens to the services as <c>make observe</c> has it: one that scrapes each process every 15 s, and one that takes what is sent over OTLP.
/// </summary>
internal sealed class Listeners : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource _stopped = new();
    private readonly List<Uri> _metrics = [];
    private readonly WebApplication _receiver;
    private readonly Task _scraping;
    private long _bytes;
    private int _scrapes;

    private Listeners(WebApplication receiver)
    {
        _receiver = receiver;
        _receiver.MapPost("/v1/{signal}", TakeAsync);
        _scraping = ScrapeAsync();
    }

    /// <summary>What came over OTLP.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public int Scrapes => _scrapes;

    public static async Task<Listeners> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{Ports.Free()}");
        var listeners = new Listeners(builder.Build());
        await listeners._receiver.StartAsync();
        return listeners;
    }

    /// <summary>Environment of a process that is listened to, with a tenth of the traces kept.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentOf(string service)
    {
        if (!ShopCluster.ServiceNames.Contains(service))
        {
            return new Dictionary<string, string>();
        }

        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        _metrics.Add(address);
        return new Dictionary<string, string>
        {
            ["Metrics__Url"] = address.ToString(),
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _receiver.Urls.First(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio",
            ["OTEL_TRACES_SAMPLER_ARG"] = "0.1",
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _scraping;
        await _receiver.DisposeAsync();
        _stopped.Dispose();
    }

    private async Task ScrapeAsync()
    {
        using var client = new HttpClient { Timeout = Interval };
        using var timer = new PeriodicTimer(Interval);
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(_stopped.Token);
                foreach (var address in _metrics)
                {
                    await client.GetStringAsync(new Uri(address, "/metrics"), _stopped.Token);
                    Interlocked.Increment(ref _scrapes);
                }
            }
            catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
            {
                // The services come up, or the run is over.
            }
        }
    }

    private async Task<IResult> TakeAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        Interlocked.Add(ref _bytes, body.Length);
        return Results.Bytes([], "application/x-protobuf");
    }
}
