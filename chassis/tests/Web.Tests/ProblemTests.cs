using System.Net;
using System.Text;
using System.Text.Json;

namespace Chassis.Web.Tests;

public sealed class Every_error_is_a_problem_document(SampleService service) : IClassFixture<SampleService>
{
    private HttpClient SignedIn => service.Client(service.Tokens.For(Guid.NewGuid().ToString()));

    [Theory]
    [InlineData("""{"name": "x", "quantity": 1""", "quantity")]
    [InlineData("not json", "body")]
    [InlineData("", "body")]
    [InlineData("null", "body")]
    [InlineData("[]", "body")]
    [InlineData("""{"name": "x", "quantity": "1"}""", "quantity")]
    [InlineData("""{"name": "x", "quantity": 1.5}""", "quantity")]
    [InlineData("""{"name": "x", "quantity": 99999999999}""", "quantity")]
    [InlineData("""{"name": 5, "quantity": 1}""", "name")]
    [InlineData("""{"name": null, "quantity": 1}""", "name")]
    [InlineData("""{"quantity": 1}""", "name")]
    [InlineData("""{"Name": "x", "quantity": 1}""", "Name")]
    [InlineData("""{"name": "x", "quantity": 1, "price": 3}""", "price")]
    [InlineData("""{"name": "x", "name": "y", "quantity": 1}""", "name")]
    [InlineData("""{"name": "x", "quantity": 1, "colour": "blue"}""", "colour")]
    [InlineData("""{"name": "x", "quantity": 1, "colour": 1}""", "colour")]
    [InlineData("""{"name": "x", "quantity": 0}""", "quantity")]
    [InlineData("""{"name": "x", "quantity": -1}""", "quantity")]
    [InlineData("""{"name": "  ", "quantity": 1}""", "name")]
    [InlineData("""{"name": "a name that is much too long", "quantity": 1}""", "name")]
    [InlineData("""{"name": "x", "quantity": 1, "parts": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": 0}]}""", "parts[1].quantity")]
    [InlineData("""{"name": "x", "quantity": 1, "parts": [{"sku": "a", "quantity": 1, "userId": 0}]}""", "parts[0].userId")]
    [InlineData("""{"name": "x", "quantity": 1, "parts": [{"sku": "a", "quantity": "two"}]}""", "parts[0].quantity")]
    public async Task A_bad_body_is_400_and_names_the_field(string body, string field)
    {
        using var client = SignedIn;
        using var answer = await client.PostAsync("/things", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

        var problem = await ReadAsync(answer, HttpStatusCode.BadRequest);
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldContain(field);
        problem.GetRawText().ShouldNotContain("Chassis");
        problem.GetRawText().ShouldNotContain("CreateThing");
    }

    [Theory]
    [InlineData("GET", "/things?limit=abc", 400)]
    [InlineData("GET", "/things?limit=0", 400)]
    [InlineData("GET", "/things?limit=201", 400)]
    [InlineData("GET", "/things?cursor=%00", 400)]
    [InlineData("GET", "/things?cursor=bm90anNvbg", 400)]
    [InlineData("GET", "/things?colour=mauve", 400)]
    [InlineData("GET", "/things/not-a-guid", 404)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("DELETE", "/things", 405)]
    [InlineData("GET", "/things/operators", 403)]
    [InlineData("GET", "/things/forgotten", 403)]
    [InlineData("GET", "/things/broken", 500)]
    [InlineData("GET", "/things/conflict", 409)]
    public async Task A_failed_request_says_so_in_the_same_form(string method, string path, int status)
    {
        using var client = SignedIn;
        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), TestContext.Current.CancellationToken);

        var problem = await ReadAsync(answer, (HttpStatusCode)status);
        problem.GetRawText().ShouldNotContain("secret internals");
    }

    [Theory]
    [InlineData("/nowhere", 404)]
    [InlineData("/things", 401)]
    [InlineData("/things/forgotten", 401)]
    [InlineData("/things/open", 200)]
    public async Task Anonymous_callers_get_in_only_where_it_is_said(string path, int status)
    {
        using var client = service.Client();
        using var answer = await client.GetAsync(path, TestContext.Current.CancellationToken);

        ((int)answer.StatusCode).ShouldBe(status);
        if (status == 401)
        {
            answer.Headers.WwwAuthenticate.ToString().ShouldStartWith("Bearer");
        }
    }

    [Fact]
    public async Task Another_content_type_is_415()
    {
        using var client = SignedIn;
        using var answer = await client.PostAsync("/things", new StringContent("name=x", Encoding.UTF8, "text/plain"), TestContext.Current.CancellationToken);

        await ReadAsync(answer, HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_413()
    {
        using var client = SignedIn;
        var body = $$"""{"name": "{{new string('x', 1024 * 1024)}}", "quantity": 1}""";
        using var answer = await client.PostAsync("/things", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

        await ReadAsync(answer, HttpStatusCode.RequestEntityTooLarge);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, HttpStatusCode status)
    {
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(status, text);
        answer.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        var problem = JsonSerializer.Deserialize<JsonElement>(text);
        problem.GetProperty("type").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("title").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("status").GetInt32().ShouldBe((int)status);
        problem.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("instance").GetString().ShouldNotBeNullOrEmpty();
        problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        return problem;
    }
}
