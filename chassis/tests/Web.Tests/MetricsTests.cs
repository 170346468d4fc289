using System.Net;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Chassis.Web.Tests;

/// <summary>What is scraped of a process tells of every service in it.</summary>
[CollectionDefinition(nameof(The_port_of_the_metrics), DisableParallelization = true)]
[Collection(nameof(The_port_of_the_metrics))]
public sealed class The_port_of_the_metrics
{
    private readonly Uri _public = new($"http://127.0.0.1:{Ports.Free()}");
    private readonly Uri _metrics = new($"http://127.0.0.1:{Ports.Free()}");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Has_them_and_nothing_else_and_no_other_port_has_them()
    {
        await using var app = await StartAsync(_metrics.ToString());
        using var client = new HttpClient();

        (await client.GetStringAsync(new Uri(_public, "/hello"), Token)).ShouldBe("hello");
        (await PublicAsync(client, "/metrics", _metrics.Authority)).ShouldBe(HttpStatusCode.NotFound, "whatever the request says of the host");
        (await client.GetAsync(new Uri(_metrics, "/hello"), Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await client.GetAsync(new Uri(_metrics, "/openapi/v1.json"), Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        var scraped = await ScrapeAsync(client);
        scraped.ShouldContain("dotnet_process_memory_working_set_bytes");
        scraped.ShouldContain("http_route=\"/hello\"");
    }

    [Fact]
    public async Task Counts_neither_probes_nor_scrapes_as_requests_and_names_no_host_that_is_called()
    {
        await using var app = await StartAsync(_metrics.ToString());
        using var client = new HttpClient();
        await client.GetStringAsync(new Uri(_public, "/hello"), Token);
        await client.GetAsync(new Uri(_public, "/health/live"), Token);
        await ScrapeAsync(client);

        var lines = (await ScrapeAsync(client)).Split('\n');
        var served = lines.Where(l => l.StartsWith("http_server_request_duration_seconds_count", StringComparison.Ordinal)).ToList();
        served.ShouldHaveSingleItem().ShouldContain("http_route=\"/hello\"");
        var called = lines.Where(l => l.StartsWith("http_client_", StringComparison.Ordinal)).ToList();
        called.ShouldNotBeEmpty();
        called.ShouldAllBe(l => !l.Contains("server_address", StringComparison.Ordinal) && !l.Contains("127.0.0.1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Says_what_of_the_service_is_not_ready()
    {
        await using var app = await StartAsync(_metrics.ToString(), health => health
            .AddCheck("good", () => HealthCheckResult.Healthy()).AddCheck("poor", () => HealthCheckResult.Degraded()).AddCheck("bad", () => HealthCheckResult.Unhealthy()));
        using var client = new HttpClient();
        var scraped = await Poll.UntilAsync(() => ScrapeAsync(client), text => text.Contains("health_status{", StringComparison.Ordinal), "the checks to be asked");
        foreach (var line in (string[])["check=\"good\"} 2", "check=\"poor\"} 1", "check=\"bad\"} 0"])
        {
            scraped.ShouldContain(line);
        }
    }

    [Fact]
    public async Task Is_not_there_unless_somebody_asks_for_it()
    {
        await using var app = await StartAsync("");
        using var client = new HttpClient();
        (await client.GetStringAsync(new Uri(_public, "/hello"), Token)).ShouldBe("hello");
        (await client.GetAsync(new Uri(_public, "/metrics"), Token)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await Should.ThrowAsync<HttpRequestException>(client.GetAsync(new Uri(_metrics, "/metrics"), Token));
    }

    [Theory]
    [InlineData("9464")]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://127.0.0.1:9464/metrics")]
    public async Task Is_refused_by_its_name_when_it_is_none(string url)
    {
        using var log = new LogLines();
        await using var app = Build(url, log);
        (await app.RunServiceAsync([])).ShouldBe(1);
        log.Lines.ShouldContain(l => l.StartsWith("Critical", StringComparison.Ordinal) && l.Contains("Metrics:Url", StringComparison.Ordinal));
    }

    private async Task<HttpStatusCode> PublicAsync(HttpClient client, string path, string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_public, path)) { Headers = { Host = host } };
        return (await client.SendAsync(request, Token)).StatusCode;
    }

    private Task<string> ScrapeAsync(HttpClient client) => client.GetStringAsync(new Uri(_metrics, "/metrics"), Token);

    private async Task<WebApplication> StartAsync(string url, Action<IHealthChecksBuilder>? health = null)
    {
        var app = Build(url, null, health);
        app.UseServiceDefaults();
        app.MapGet("/hello", () => "hello").AllowAnonymous();
        await app.StartAsync(Token);
        return app;
    }

    private WebApplication Build(string url, LogLines? log, Action<IHealthChecksBuilder>? health = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = _public.ToString(), ["Authentication:Authority"] = TestTokens.Issuer, ["Metrics:Url"] = url,
        });
        builder.AddServiceDefaults("sample");
        health?.Invoke(builder.Services.AddHealthChecks());
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        return builder.Build();
    }
}
