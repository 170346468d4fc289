using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Data;
using Chassis.Testing;
using Npgsql;

namespace Chassis.Web.Tests;

public sealed class At_its_edges_the_service(SampleService service) : IClassFixture<SampleService>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gives_the_correlation_id_back_and_works_under_it()
    {
        using var client = SignedIn(out var subject);
        client.DefaultRequestHeaders.Add("X-Correlation-Id", "checkout-4711");
        using var answer = await client.GetAsync("/things/context", Token);

        answer.Headers.GetValues("X-Correlation-Id").ShouldBe(["checkout-4711"]);
        var context = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        context.GetProperty("correlationId").GetString().ShouldBe("checkout-4711");
        context.GetProperty("userId").GetString().ShouldBe(subject);
    }

    [Theory]
    [InlineData("/things/open")]
    [InlineData("/nowhere")]
    [InlineData("/things/broken")]
    [InlineData("/things/context")]
    [InlineData("/health/live")]
    [InlineData("/openapi/v1.json")]
    public async Task Says_which_trace_an_answer_belongs_to_though_nobody_listens(string path)
    {
        using var client = service.Client();
        using var answer = await client.GetAsync(path, Token);
        var own = answer.Headers.GetValues("traceresponse").Single().Split('-');
        own.Select(part => part.Length).ShouldBe([2, 32, 16, 2]);
        if (answer.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("traceId").GetString().ShouldBe(own[1]);
        }

        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        client.DefaultRequestHeaders.Add("traceparent", $"00-{trace}-00f067aa0ba902b7-00");
        using var traced = await client.GetAsync(path, Token);
        var theirs = traced.Headers.GetValues("traceresponse").Single().Split('-');
        theirs[1].ShouldBe(trace);
        theirs[2].ShouldNotBe("00f067aa0ba902b7", "it is the answer's own span");
    }

    [Theory]
    [InlineData("with spaces and {braces}")]
    [InlineData("<script>")]
    public async Task Replaces_a_correlation_id_that_could_hurt_a_log(string given)
    {
        using var client = SignedIn(out _);
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-Correlation-Id", given);
        using var answer = await client.GetAsync("/things/open", Token);

        var id = answer.Headers.GetValues("X-Correlation-Id").Single();
        id.ShouldNotBe(given);
        id.Length.ShouldBe(32);
    }

    [Fact]
    public async Task Has_security_headers_and_no_banner_also_on_errors()
    {
        using var client = service.Client();
        foreach (var path in (string[])["/things/open", "/nowhere", "/things/broken", "/health/live"])
        {
            using var answer = await client.GetAsync(path, Token);
            answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
            answer.Headers.GetValues("X-Frame-Options").ShouldBe(["DENY"]);
            answer.Headers.GetValues("Content-Security-Policy")
                .ShouldHaveSingleItem()
                .ShouldStartWith("default-src 'none'; object-src 'none'; base-uri 'none';");
            answer.Headers.Contains("Strict-Transport-Security").ShouldBeFalse();
            answer.Headers.Contains("Server").ShouldBeFalse();
            answer.Headers.Contains("X-Powered-By").ShouldBeFalse();
            answer.Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();
        }
    }

    [Fact]
    public async Task Lets_no_other_origin_in_unless_configured()
    {
        using var client = service.Client();
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "/things");
        preflight.Headers.Add("Origin", "https://shop.example");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        using var refused = await client.SendAsync(preflight, Token);
        refused.Headers.Contains("Access-Control-Allow-Origin").ShouldBeFalse();

        await using var open = new SampleService { Settings = { ["Cors:Origins:0"] = "https://shop.example" } };
        await open.InitializeAsync();
        using var openClient = open.Client();
        using var second = new HttpRequestMessage(HttpMethod.Options, "/things");
        second.Headers.Add("Origin", "https://shop.example");
        second.Headers.Add("Access-Control-Request-Method", "POST");
        using var allowed = await openClient.SendAsync(second, Token);
        allowed.Headers.GetValues("Access-Control-Allow-Origin").ShouldBe(["https://shop.example"]);
    }

    [Fact]
    public async Task Limits_each_caller_for_itself()
    {
        await using var limited = new SampleService { Settings = { ["RateLimit:Permits"] = "5", ["RateLimit:WindowSeconds"] = "3600" } };
        await limited.InitializeAsync();
        using var one = limited.Client(limited.Tokens.For("one"));
        using var two = limited.Client(limited.Tokens.For("two"));

        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 7; i++)
        {
            answers.Add(await one.GetAsync("/things/open", Token));
        }

        answers.Select(a => (int)a.StatusCode).ShouldBe([200, 200, 200, 200, 200, 429, 429]);
        answers[0].Headers.GetValues("RateLimit-Policy").ShouldBe(["\"caller\";q=5;w=3600"]);
        answers[0].Headers.GetValues("RateLimit").Single().ShouldStartWith("\"caller\";r=4;t=");
        answers[6].Headers.GetValues("RateLimit").Single().ShouldStartWith("\"caller\";r=0;t=");
        answers[6].Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        answers[6].Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await two.GetAsync("/things/open", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await one.GetAsync("/health/live", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Lets_a_caller_in_again_when_the_next_window_begins()
    {
        await using var limited = new SampleService { Settings = { ["RateLimit:Permits"] = "1", ["RateLimit:WindowSeconds"] = "1" } };
        await limited.InitializeAsync();
        using var client = limited.Client(limited.Tokens.For("somebody"));

        Task<HttpStatusCode> Ask() => client.GetAsync("/things/open", Token).ContinueWith(a => a.Result.StatusCode, TaskScheduler.Default);
        await Poll.UntilAsync(Ask, s => s == HttpStatusCode.TooManyRequests, "the caller to be over the limit");
        await Poll.UntilAsync(Ask, s => s == HttpStatusCode.OK, "the caller to be let in again");
    }

    [Theory]
    [InlineData("\"3\"", 204)]
    [InlineData("*", 204)]
    [InlineData(null, 204)]
    [InlineData("\"2\"", 412)]
    [InlineData("W/\"3\"", 412)]
    [InlineData("\"abc\"", 412)]
    [InlineData("garbage", 412)]
    public async Task Writes_only_to_the_version_that_If_Match_names(string? ifMatch, int status)
    {
        using var client = SignedIn(out _);
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/things/{Guid.NewGuid()}");
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        using var answer = await client.SendAsync(request, Token);
        ((int)answer.StatusCode).ShouldBe(status);
    }

    [Fact]
    public async Task Tells_whether_it_is_alive_and_whether_it_is_ready_and_why_not()
    {
        await using var own = new SampleService();
        await own.InitializeAsync();
        using var client = own.Client();
        (await client.GetAsync("/health/live", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        var ready = await client.GetFromJsonAsync<JsonElement>("/health/ready", Token);
        ready.GetProperty("status").GetString().ShouldBe("healthy");
        ready.GetProperty("checks").GetProperty("database").GetProperty("status").GetString().ShouldBe("healthy");

        await own.Database.ExecuteAsync("DELETE FROM \"__EFMigrationsHistory\"");
        using var behind = await client.GetAsync("/health/ready", Token);
        behind.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await behind.Content.ReadAsStringAsync(Token)).ShouldContain("0001_initial");
    }

    [Fact]
    public async Task Says_503_with_a_time_to_retry_when_its_database_is_away()
    {
        // Migrated by its owner, and gone since; so nobody can look whether there is a pooler.
        await using var own = new SampleService
        {
            Settings = { ["ConnectionStrings:Database"] = "Host=127.0.0.1;Port=1;Username=postgres;Database=x", [PoolerCheck.Setting] = "session" },
        };
        await own.InitializeAsync();
        using var client = own.Client();
        using var answer = await client.GetAsync("/things/database", Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await client.GetAsync("/health/live", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetAsync("/health/ready", Token)).StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
    }

    [Fact]
    public async Task Says_503_instead_of_hanging()
    {
        using var client = service.Client();
        using var answer = await client.GetAsync("/things/hangs", Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    [Fact]
    public async Task Says_503_when_the_issuers_keys_cannot_be_had_yet()
    {
        await using var own = new SampleService();
        own.Tokens.Down = true;
        await own.InitializeAsync();
        using var client = own.Client(own.Tokens.For("somebody"));
        using var answer = await client.GetAsync("/things/caller", Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        (await client.GetAsync("/things/open", Token)).StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable, "nobody knows whose answer it would be");
        using var nobody = own.Client();
        (await nobody.GetAsync("/things/open", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Says_503_and_not_that_the_token_is_bad_when_its_own_keys_cannot_be_read()
    {
        await using var own = new SampleService { Keys = new UnreachableKeys() };
        await own.InitializeAsync();
        using var client = own.Client(own.Tokens.For("somebody"));
        using var answer = await client.GetAsync("/things/caller", Token);

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
    }

    [Fact]
    public async Task Describes_itself()
    {
        using var client = service.Client();
        var document = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Token);
        document.GetProperty("openapi").GetString()!.ShouldStartWith("3.0");
        document.GetProperty("paths").GetProperty("/things").GetProperty("post").ValueKind.ShouldBe(JsonValueKind.Object);
        document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty("scheme").GetString().ShouldBe("bearer");

        using var page = await client.GetAsync("/docs", Token);
        page.StatusCode.ShouldBe(HttpStatusCode.OK);
        page.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
        (await page.Content.ReadAsStringAsync(Token)).ShouldNotContain("https://");
    }

    [Fact]
    public async Task Keeps_what_callers_send_out_of_its_log()
    {
        using var client = SignedIn(out _);
        await client.GetAsync("/things?cursor=jane.miller@example.com&limit=5", Token);
        await client.PostAsJsonAsync("/things", new { name = "Jane Miller", quantity = 1, secret = "hunter2-secret" }, Token);

        service.Log.Lines.ShouldNotContain(line => line.Contains("jane.miller@example.com", StringComparison.Ordinal));
        service.Log.Lines.ShouldNotContain(line => line.Contains("Jane Miller", StringComparison.Ordinal));
        service.Log.Lines.ShouldNotContain(line => line.Contains("hunter2", StringComparison.Ordinal));
    }

    private sealed class UnreachableKeys : ISigningKeySource
    {
        public ValueTask<VerificationKey?> FindAsync(string keyId, CancellationToken ct) => throw new NpgsqlException("away", new IOException());
    }

    private HttpClient SignedIn(out string subject)
    {
        subject = Guid.NewGuid().ToString();
        return service.Client(service.Tokens.For(subject));
    }
}

public sealed class The_runtime_role(SampleService service) : IClassFixture<SampleService>
{
    [Theory]
    [InlineData("INSERT INTO things (id, name) VALUES (gen_random_uuid(), 'x')", true)]
    [InlineData("UPDATE things SET name = 'y'", true)]
    [InlineData("DELETE FROM things", true)]
    [InlineData("INSERT INTO journal (id, line) VALUES (gen_random_uuid(), 'x')", true)]
    [InlineData("SELECT * FROM journal", true)]
    [InlineData("UPDATE journal SET line = 'y'", false)]
    [InlineData("DELETE FROM journal", false)]
    [InlineData("TRUNCATE journal", false)]
    [InlineData("TRUNCATE things", false)]
    [InlineData("DROP TABLE things", false)]
    [InlineData("ALTER TABLE things ADD COLUMN more text", false)]
    [InlineData("CREATE TABLE more (id int)", false)]
    [InlineData("CREATE SCHEMA more", false)]
    [InlineData("CREATE INDEX ON things (name)", false)]
    [InlineData("DELETE FROM \"__EFMigrationsHistory\"", false)]
    [InlineData("CREATE ROLE more", false)]
    [InlineData("COPY things TO PROGRAM 'cat'", false)]
    [InlineData("SELECT pg_read_file('/etc/passwd')", false)]
    public async Task May_write_rows_and_nothing_more(string sql, bool allowed)
    {
        await using var connection = new NpgsqlConnection(service.Database.Runtime);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        if (allowed)
        {
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            return;
        }

        var refused = await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
        refused.SqlState.ShouldBeOneOf(PostgresErrorCodes.InsufficientPrivilege);
    }
}
