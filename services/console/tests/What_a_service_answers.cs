using System.Net;
using ShopConsole.Api;

namespace ShopConsole.Tests;

/// <summary>Whatever a service does, a page gets an answer: what it asked for, or a trouble that people understand.</summary>
public sealed class What_a_service_answers : IDisposable
{
    private const string Problem = "application/problem+json";

    private readonly StubServices _services = new();

    public void Dispose() => _services.Dispose();

    private sealed record Thing(string Name);

    [Fact]
    public async Task Is_what_was_asked_for()
    {
        _services.With("orders", "/v1/thing", """{ "name": "mug", "more": 1 }""");
        (await GetAsync()).ShouldBe(new Answer<Thing>(new Thing("mug"), null));
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "Forbidden")]
    [InlineData(HttpStatusCode.Forbidden, "Forbidden")]
    [InlineData(HttpStatusCode.NotFound, "Missing")]
    [InlineData(HttpStatusCode.Conflict, "Conflict")]
    [InlineData(HttpStatusCode.PreconditionFailed, "Conflict")]
    [InlineData(HttpStatusCode.BadRequest, "Invalid")]
    [InlineData(HttpStatusCode.UnprocessableEntity, "Invalid")]
    [InlineData(HttpStatusCode.ServiceUnavailable, "Away")]
    [InlineData(HttpStatusCode.BadGateway, "Away")]
    [InlineData(HttpStatusCode.GatewayTimeout, "Away")]
    [InlineData(HttpStatusCode.InternalServerError, "Failed")]
    [InlineData(HttpStatusCode.TooManyRequests, "Failed")]
    public async Task Is_a_trouble_of_its_kind_where_it_refuses(HttpStatusCode status, string kind)
    {
        _services.With("orders", "/v1/thing", "<h1>no</h1>", status, "text/html");
        var trouble = (await GetAsync()).Trouble!;
        trouble.Kind.ToString().ShouldBe(kind);
        trouble.Service.ShouldBe("orders");
        trouble.Text.ShouldBe($"The service orders has answered {(int)status}.");
    }

    [Fact]
    public async Task Says_in_its_own_words_what_is_wrong_and_where()
    {
        _services.With(
            "orders", "/v1/thing", """{ "title": "Bad", "detail": "That is not right.", "errors": { "/price/currency": ["must be EUR."] } }""",
            HttpStatusCode.BadRequest, Problem);
        var trouble = (await GetAsync()).Trouble!;
        (trouble.Text, trouble.Sentence).ShouldBe(("That is not right.", "orders: That is not right."));
        trouble.Errors["/price/currency"].ShouldBe(["must be EUR."]);
    }

    [Fact]
    public async Task Is_a_time_out_when_it_comes_too_late()
    {
        using var slow = new StubServices(TimeSpan.FromMilliseconds(200)).With("orders", "/v1/thing", async (_, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return new HttpResponseMessage();
        });
        var trouble = (await slow.Api.GetAsync<Thing>("orders", "/v1/thing", TestContext.Current.CancellationToken)).Trouble!;
        trouble.Kind.ShouldBe(TroubleKind.Away);
        trouble.Text.ShouldBe("The service orders has not answered within 0.2 s.");
    }

    [Fact]
    public async Task Is_nothing_when_whoever_asked_has_gone()
    {
        using var gone = new CancellationTokenSource();
        _services.With("orders", "/v1/thing", async (_, ct) =>
        {
            await gone.CancelAsync();
            await Task.Delay(Timeout.Infinite, ct);
            return new HttpResponseMessage();
        });
        await Should.ThrowAsync<OperationCanceledException>(() => _services.Api.GetAsync<Thing>("orders", "/v1/thing", gone.Token));
    }

    [Theory]
    [InlineData("this is not JSON", "application/json")]
    [InlineData("{ \"name\": ", "application/json")]
    [InlineData("[1, 2]", "application/json")]
    [InlineData("", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("<html>a proxy says hello</html>", "text/html")]
    public async Task Is_a_trouble_when_it_is_garbage(string body, string type)
    {
        _services.With("orders", "/v1/thing", body, type: type);
        (await GetAsync()).Trouble!.Service.ShouldBe("orders");
    }

    [Fact]
    public async Task Is_a_trouble_when_the_problem_is_garbage()
    {
        _services.With("orders", "/v1/thing", "{ \"detail\": ", HttpStatusCode.BadRequest, Problem);
        (await GetAsync()).Trouble!.Service.ShouldBe("orders");
    }

    [Fact]
    public async Task Is_a_trouble_when_nobody_listens()
    {
        _services.With("orders", "/v1/thing", (_, _) => throw new HttpRequestException("Connection refused"));
        var trouble = (await GetAsync()).Trouble!;
        (trouble.Kind, trouble.Text).ShouldBe((TroubleKind.Away, "The service orders does not answer."));
    }

    [Fact]
    public async Task Is_a_trouble_when_it_breaks_off()
    {
        _services.With("orders", "/v1/thing", (_, _) => Task.FromResult(new HttpResponseMessage { Content = new StreamContent(new BrokenOff()) }));
        (await GetAsync()).Trouble!.Kind.ShouldBe(TroubleKind.Away);
    }

    [Fact]
    public async Task Is_not_waited_for_where_there_is_no_such_service()
    {
        var answer = await _services.Api.GetAsync<Thing>("../users", "/v1/thing", TestContext.Current.CancellationToken);
        answer.IsMissing.ShouldBeTrue();
        _services.Asked.ShouldBeEmpty();
    }

    [Fact]
    public async Task Is_the_same_for_the_same_form()
    {
        _services.With("orders", "/v1/thing", "", HttpStatusCode.NoContent);
        var answer = await _services.Api.SendAsync<Nothing>(
            HttpMethod.Post, "orders", "/v1/thing", new { reason = "so" }, TestContext.Current.CancellationToken, "the key of the form");
        answer.Trouble.ShouldBeNull();
        var (request, body) = _services.Asked.Single();
        request.Headers.GetValues("Idempotency-Key").ShouldBe(["the key of the form"]);
        body.ShouldBe("""{"reason":"so"}""");
    }

    /// <summary>The connection of a process that is killed while it answers.</summary>
    private sealed class BrokenOff : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new HttpIOException(HttpRequestError.ResponseEnded);
    }

    private Task<Answer<Thing>> GetAsync() => _services.Api.GetAsync<Thing>("orders", "/v1/thing", TestContext.Current.CancellationToken);
}
