using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Notifications.Tests.Support;

namespace Notifications.Tests.Webhooks;

public sealed class SpeedFixture : NotificationsFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);

        // Far fewer places than deliveries to the endpoint that hangs: it could take them all, and would keep them for long.
        settings["Webhooks:Concurrency"] = "40";
        settings["Webhooks:Timeout"] = "00:02:00";
    }
}

public class SpeedTests(SpeedFixture service, ITestOutputHelper output) : IClassFixture<SpeedFixture>
{
    private const int Events = 200;
    private const int Subscriptions = 20;
    private const int EventsPerSecond = 40;

    [Fact]
    public async Task One_endpoint_that_hangs_delays_nobody()
    {
        var token = TestContext.Current.CancellationToken;
        var arrivals = new ConcurrentDictionary<(string Hook, string Event), long>();
        var givenUp = 0;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var partner = builder.Build();
        partner.Urls.Add("http://127.0.0.1:0");
        partner.MapPost("/{hook}", async (string hook, HttpContext http) =>
        {
            if (hook == "0")
            {
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => Interlocked.Increment(ref givenUp), TaskScheduler.Default);
                return;
            }

            arrivals.TryAdd((hook, http.Request.Headers["webhook-id"].ToString()), TimeProvider.System.GetTimestamp());
        });
        await partner.StartAsync(token);

        using var client = service.Operator();
        for (var i = 0; i < Subscriptions; i++)
        {
            using var created = await client.PostAsJsonAsync(
                "/v1/webhooks", new { url = $"{partner.Urls.First()}/{i}", eventTypes = new[] { "shop.order.*" } }, token);
            created.EnsureSuccessStatusCode();
        }

        var published = new Dictionary<string, long>();
        var started = TimeProvider.System.GetTimestamp();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (published.Count < Events && await pace.WaitForNextTickAsync(token))
        {
            var due = Math.Min(Events, (int)(TimeProvider.System.GetElapsedTime(started).TotalSeconds * EventsPerSecond) + 1);
            while (published.Count < due)
            {
                var at = TimeProvider.System.GetTimestamp();
                published.Add(await service.Broker.Publish(NotificationsFixture.Confirmation(Guid.CreateVersion7())), at);
            }
        }

        const int Expected = Events * (Subscriptions - 1);
        await Poll.UntilAsync(() => Task.FromResult(arrivals.Count), n => n >= Expected, $"{Expected} deliveries", TimeSpan.FromSeconds(60));
        var latencies = arrivals.Select(a => TimeProvider.System.GetElapsedTime(published[a.Key.Event], a.Value).TotalMilliseconds).Order().ToArray();
        double P(double share) => latencies[(int)(share * (latencies.Length - 1))];
        output.WriteLine($"{latencies.Length} deliveries at {EventsPerSecond * (Subscriptions - 1)}/s: p50 {P(0.5):0} ms, p95 {P(0.95):0} ms, p99 {P(0.99):0} ms, max {latencies[^1]:0} ms");
        givenUp.ShouldBe(0, "the others had theirs before the first attempt at the one that hangs was given up");
        var hanging = (await client.GetFromJsonAsync<JsonElement>("/v1/webhooks?limit=200", token)).GetProperty("items").EnumerateArray()
            .Single(w => w.GetProperty("url").GetString()!.EndsWith("/0", StringComparison.Ordinal));
        hanging.GetProperty("status").GetString().ShouldBe("active");
        (await service.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM webhook_deliveries WHERE webhook_id = '{hanging.GetProperty("id").GetGuid()}' AND status = 'pending'"))
            .ShouldBe(Events);
    }
}
