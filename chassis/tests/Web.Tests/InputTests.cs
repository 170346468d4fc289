using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Chassis.Web.Tests;

/// <summary>Input as the world sends it: what is legal is understood, what is not is refused by name, and nothing of it is a defect of ours.</summary>
public sealed class Input_as_it_comes(SampleService service) : IClassFixture<SampleService>
{
    private const string Thing = """{"name": "x", "quantity": 1}""";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private HttpClient SignedIn => service.Client(service.Tokens.For(Guid.NewGuid().ToString()));

    [Theory]
    [InlineData("application/json", 201)]
    [InlineData("application/json; charset=utf-8", 201)]
    [InlineData("application/json; charset=UTF-8", 201)]
    [InlineData("application/json; charset=\"utf-8\"", 201)]
    [InlineData("Application/JSON;charset=Utf-8", 201)]
    [InlineData("application/merge-patch+json", 201)]
    [InlineData("application/json; charset=utf-16", 415)]
    [InlineData("application/json; charset=\"iso-8859-1\"", 415)]
    [InlineData("application/json; charset=klingon", 415)]
    [InlineData("text/plain", 415)]
    [InlineData("nonsense", 415)]
    public async Task A_body_is_JSON_in_UTF_8_in_every_legal_spelling(string type, int status)
    {
        using var client = SignedIn;
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Thing));
        content.Headers.TryAddWithoutValidation("Content-Type", type).ShouldBeTrue();
        using var answer = await client.PostAsync("/things", content, Token);
        ((int)answer.StatusCode).ShouldBe(status, await answer.Content.ReadAsStringAsync(Token));
    }

    [Theory]
    [InlineData("identity", 201)]
    [InlineData("gzip", 415)]
    [InlineData("br", 415)]
    [InlineData("identity, gzip", 415)]
    public async Task A_body_comes_as_it_is(string encoding, int status)
    {
        using var client = SignedIn;
        using var content = new StringContent(Thing, Encoding.UTF8, "application/json");
        content.Headers.TryAddWithoutValidation("Content-Encoding", encoding).ShouldBeTrue();
        using var answer = await client.PostAsync("/things", content, Token);
        ((int)answer.StatusCode).ShouldBe(status);
        answer.Headers.TryGetValues("Accept-Encoding", out var accepted).ShouldBe(status == 415);
        (accepted ?? ["identity"]).ShouldBe(["identity"]);
    }

    [Theory]
    [InlineData("/things?cursor=%00", "cursor")]
    [InlineData("/things?colour=%07", "colour")]
    [InlineData("/things?whatever=a%0Ab", "whatever")]
    [InlineData("/things?what%00ever=a", "query")]
    [InlineData("/things?limit=2147483648", "limit")]
    [InlineData("/things?limit=123456789012345678901234567890", "limit")]
    [InlineData("/things?since=0001-01-01T00:00:00Z", "since")]
    [InlineData("/things?since=9999-12-31", "since")]
    public async Task A_query_has_nothing_that_no_field_takes(string path, string field)
    {
        using var client = SignedIn;
        using var answer = await client.GetAsync(path, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await ErrorsOf(answer)).ShouldContain(field);
    }

    [Theory]
    [InlineData("""{"name": "a\u0000b", "quantity": 1}""")]
    [InlineData("""{"name": "a\ud800b", "quantity": 1}""")]
    [InlineData("""{"name": "\udc00", "quantity": 1}""")]
    public async Task A_text_is_whole_characters_without_NUL(string body)
    {
        using var client = SignedIn;
        using var answer = await client.PostAsync("/things", new StringContent(body, Encoding.UTF8, "application/json"), Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await ErrorsOf(answer)).ShouldBe(["name"]);
    }

    [Fact]
    public async Task Nor_is_half_a_character_in_UTF_8_one()
    {
        using var client = SignedIn;
        using var content = new ByteArrayContent([.. "{\"name\": \""u8, 0xC3, .. "\", \"quantity\": 1}"u8]);
        content.Headers.ContentType = new("application/json");
        using var answer = await client.PostAsync("/things", content, Token);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("Jose\u0301", "Jos\u00e9")]
    [InlineData("\u1112\u1161\u11ab", "\ud55c")]
    [InlineData("\ufb01", "\ufb01")]
    public async Task Texts_are_stored_in_one_form(string typed, string stored)
    {
        using var client = SignedIn;
        using var answer = await client.PostAsJsonAsync("/things", new { name = typed, quantity = 1 }, Token);
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("name").GetString().ShouldBe(stored);
    }

    [Theory]
    [InlineData("Ada", true)]
    [InlineData("O\u2019Neill-\u0141uczak", true)]
    [InlineData("\u0646\u200c\u06cc", true)]
    [InlineData("\ud83d\udc69\u200d\ud83d\ude80", true)]
    [InlineData("Jose\u0301", true)]
    [InlineData("\u200b\u200b", false)]
    [InlineData("\u200d", false)]
    [InlineData("\u3164", false)]
    [InlineData("\u2800", false)]
    [InlineData("two\u2028lines", false)]
    [InlineData("abc\u202egpj.exe", false)]
    [InlineData("zero\u200bwidth", false)]
    [InlineData("\ufeffmark", false)]
    [InlineData("tab\there", false)]
    public async Task A_name_can_be_read(string name, bool isOne)
    {
        using var client = SignedIn;
        using var answer = await client.PostAsJsonAsync("/things", new { name, quantity = 1 }, Token);
        answer.StatusCode.ShouldBe(isOne ? HttpStatusCode.Created : HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("\"3\"", true)]
    [InlineData("W/\"3\"", true)]
    [InlineData("\"1\", \"3\"", true)]
    [InlineData("\"1\",W/\"3\" , \"5\"", true)]
    [InlineData("*", true)]
    [InlineData("\"03\"", false)]
    [InlineData("\"4\"", false)]
    [InlineData("\"1\", \"2\"", false)]
    [InlineData("3", false)]
    public async Task A_reader_who_has_it_already_is_told_so(string ifNoneMatch, bool hasIt)
    {
        using var client = SignedIn;
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Head])
        {
            using var request = new HttpRequestMessage(method, $"/things/{Guid.NewGuid()}");
            request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
            using var answer = await client.SendAsync(request, Token);
            answer.StatusCode.ShouldBe(hasIt ? HttpStatusCode.NotModified : HttpStatusCode.OK);
            answer.Headers.ETag!.Tag.ShouldBe("\"3\"");
        }
    }

    [Theory]
    [InlineData("\"3\"", 204)]
    [InlineData("\"1\", \"3\"", 204)]
    [InlineData("*", 204)]
    [InlineData("W/\"3\"", 412)]
    [InlineData("\"03\"", 412)]
    [InlineData("\"1\", \"2\"", 412)]
    [InlineData("\"not ours\"", 412)]
    [InlineData("3", 412)]
    [InlineData("\"3\", garbage", 412)]
    public async Task A_writer_changes_what_it_has_seen(string ifMatch, int status)
    {
        using var client = SignedIn;
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/things/{Guid.NewGuid()}");
        request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        using var answer = await client.SendAsync(request, Token);
        ((int)answer.StatusCode).ShouldBe(status);
    }

    [Theory]
    [InlineData("Bearer ")]
    [InlineData("bearer ")]
    [InlineData("Bearer   ")]
    public async Task A_token_comes_after_the_scheme_and_its_spaces(string scheme)
    {
        using var client = service.Client();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", scheme + service.Tokens.For(Guid.NewGuid().ToString()));
        (await client.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<List<string>> ErrorsOf(HttpResponseMessage answer) =>
        [.. (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("errors").EnumerateObject().Select(e => e.Name)];
}

/// <summary>What only arrives over a socket.</summary>
public sealed class Headers_without_a_value(SampleOnASocket service) : IClassFixture<SampleOnASocket>
{
    [Theory]
    [InlineData("POST /things", "Idempotency-Key:", "HTTP/1.1 400")]
    [InlineData("POST /things", "Idempotency-Key: one", "HTTP/1.1 201")]
    [InlineData("PUT /things/0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11", "If-Match:", "HTTP/1.1 412")]
    [InlineData("PUT /things/0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11", "If-Match: \"3\"", "HTTP/1.1 204")]
    public async Task Are_not_taken_for_headers_that_are_not_there(string line, string header, string status)
    {
        using var http = service.Client();
        using var client = new TcpClient();
        await client.ConnectAsync(http.BaseAddress!.Host, http.BaseAddress.Port, TestContext.Current.CancellationToken);
        const string body = """{"name": "x", "quantity": 1}""";
        var request = $"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {service.Tokens.For(Guid.NewGuid().ToString())}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n{header}\r\n\r\n{body}";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        using var answer = new StreamReader(client.GetStream());
        (await answer.ReadLineAsync(TestContext.Current.CancellationToken)).ShouldStartWith(status);
    }
}
