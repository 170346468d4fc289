using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Web.Tests;

public sealed class HEAD_requests(SampleService service) : IClassFixture<SampleService>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_what_GET_gets_without_the_body_everywhere()
    {
        using var client = service.Client(service.Tokens.For("somebody"));
        var asked = 0;
        foreach (var path in Gets())
        {
            using var get = await client.GetAsync(path, Token);
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            using var head = await client.SendAsync(request, Token);
            head.StatusCode.ShouldBe(get.StatusCode, path);
            Headers(head).ShouldBe(Headers(get), path);
            (await head.Content.ReadAsByteArrayAsync(Token)).ShouldBeEmpty(path);
            asked++;
        }

        asked.ShouldBeGreaterThan(12);
    }

    [Fact]
    public async Task Know_the_length_of_what_GET_gets_where_GET_knows_it()
    {
        using var client = service.Client();
        var page = await client.GetByteArrayAsync("/things/page", Token);
        using var request = new HttpRequestMessage(HttpMethod.Head, "/things/page");
        using var head = await client.SendAsync(request, Token);
        head.Content.Headers.ContentLength.ShouldBe(page.Length);
    }

    [Fact]
    public async Task Do_not_wait_for_the_end_of_a_stream_that_has_none()
    {
        using var client = service.Client();
        using var request = new HttpRequestMessage(HttpMethod.Head, "/things/endless");
        using var head = await client.SendAsync(request, Token).WaitAsync(TimeSpan.FromMinutes(3), Token);
        head.StatusCode.ShouldBe(HttpStatusCode.OK);
        head.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
    }

    [Theory]
    [InlineData("PATCH", "/things/open", "GET,HEAD")]
    [InlineData("DELETE", "/things", "GET,HEAD,POST")]
    [InlineData("HEAD", "/things/slow", "POST")]
    public async Task Stand_among_the_methods_that_a_405_allows(string method, string path, string allowed)
    {
        using var client = service.Client(service.Tokens.For("somebody"));
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await client.SendAsync(request, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        string.Join(',', answer.Content.Headers.Allow.Order(StringComparer.Ordinal)).ShouldBe(allowed);
    }

    [Fact]
    public async Task Are_answered_so_over_a_real_connection_too()
    {
        await using var listening = new SampleService { Listens = true };
        await listening.InitializeAsync();
        using var client = listening.Client();
        foreach (var (path, status) in ((string, int)[])
        [
            ("/things/open", 200), ("/docs", 200), ("/things/caller", 401), ("/nowhere", 404), ("/things/broken", 500), ("/things/endless", 200),
        ])
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            using var head = await client.SendAsync(request, Token).WaitAsync(TimeSpan.FromMinutes(3), Token);
            ((int)head.StatusCode).ShouldBe(status, path);
        }

        // On the same connection: had a body come with one of them, this answer would not be read.
        (await client.GetStringAsync("/things/open", Token)).ShouldBe("ok");
    }

    private IEnumerable<string> Gets() => service.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
        .Where(e => e.Metadata.GetMetadata<HttpMethodMetadata>() is not { } methods || methods.HttpMethods.Contains("GET"))
        .Select(
            e => e.RoutePattern.RawText!
                .Replace("{id:guid}", Guid.NewGuid().ToString())
                .Replace("{documentName}", "v1")
                .Replace("{documentName?}", "")
                .TrimStart('/'))
        .Where(p => !p.EndsWith("endless", StringComparison.Ordinal)).Select(p => "/" + p);

    /// <summary>All but those that differ from answer to answer.</summary>
    private static IEnumerable<string> Headers(HttpResponseMessage answer) => answer.Headers.Concat(answer.Content.Headers)
        .Where(h => h.Key is not ("X-Correlation-Id" or "traceresponse" or "Date" or "Content-Security-Policy"))
        .Select(h => $"{h.Key}: {string.Join(',', h.Value)}")
        .Order(StringComparer.Ordinal);
}
