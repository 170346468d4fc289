using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chassis.Web.Tests;

/// <summary>The small service with narrow limits.</summary>
public sealed class NarrowSample : SampleService
{
    public NarrowSample()
    {
        Settings["RateLimit:Permits"] = "1000";
        Settings["RateLimit:Concurrent"] = "2";
        Settings["RateLimit:CostlyPerMinute"] = "3";
        Settings["StoredAnswers:MaxCount"] = "2";
    }
}

public sealed class One_caller(NarrowSample service) : IClassFixture<NarrowSample>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Has_so_many_requests_under_way_and_others_have_theirs()
    {
        using var busy = Client();
        using var other = Client();
        var slow = Enumerable.Range(0, 2).Select(i => busy.PostAsJsonAsync("/things/slow", new { name = $"slow {i}", quantity = 1 }, Token)).ToList();
        await service.Reached.WaitAsync(Token);
        await service.Reached.WaitAsync(Token);

        await Refused(await busy.GetAsync("/things/caller", Token), "too_many_at_once");
        (await other.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);

        service.Gate.Release(2);
        (await Task.WhenAll(slow)).ShouldAllBe(a => a.StatusCode == HttpStatusCode.Created);
        (await busy.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Does_what_is_costly_less_often_than_the_rest()
    {
        using var client = Client();
        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 8; i++)
        {
            answers.Add(await client.GetAsync("/things/costly", Token));
        }

        // A new minute may have begun between two of them.
        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBeInRange(3, 6);
        await Refused(answers.First(a => a.StatusCode != HttpStatusCode.OK), "too_many_requests");
        (await client.GetAsync("/things/caller", Token)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Has_so_many_answers_stored_and_gets_those_again()
    {
        using var client = Client();
        foreach (var key in (string[])["one", "two"])
        {
            (await Create(client, key)).StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        await Refused(await Create(client, "three"), "too_many_stored_answers");
        (await service.Database.ScalarAsync<long>("SELECT count(*) FROM things WHERE name = 'three'")).ShouldBe(0);
        (await Create(client, "two")).Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        using var other = Client();
        (await Create(other, "one")).StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    private static async Task<HttpResponseMessage> Create(HttpClient client, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/things") { Content = JsonContent.Create(new { name = key, quantity = 1 }) };
        request.Headers.Add("Idempotency-Key", key);
        return await client.SendAsync(request, Token);
    }

    private static async Task Refused(HttpResponseMessage answer, string code)
    {
        answer.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        answer.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.Zero);
        (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("type").GetString().ShouldBe($"urn:problem:{code}");
        answer.Dispose();
    }

    private HttpClient Client() => service.Client(service.Tokens.For(Guid.CreateVersion7().ToString()));
}
