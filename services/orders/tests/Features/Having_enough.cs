using System.Net;
using System.Net.Http.Json;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>The service with narrow limits.</summary>
public sealed class NarrowFixture : OrdersFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        base.Configure(settings);
        settings["Orders:MaxDrafts"] = "3";
        settings["Orders:LongestStream"] = "00:00:02";
    }
}

public sealed class Having_enough(NarrowFixture orders) : IClassFixture<NarrowFixture>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Drafts_are_counted_however_many_are_asked_for_at_once()
    {
        using var client = orders.Customer();
        using var other = orders.Customer();
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Ask(client)));

        // Whoever waits for the others for too long is told to try again.
        answers.ShouldAllBe(a => a == HttpStatusCode.Created || a == HttpStatusCode.TooManyRequests || a == HttpStatusCode.Conflict);
        answers.Count(a => a == HttpStatusCode.Created).ShouldBeInRange(1, 3);
        for (var made = answers.Count(a => a == HttpStatusCode.Created); made < 3; made++)
        {
            (await Ask(client)).ShouldBe(HttpStatusCode.Created);
        }

        (await Ask(client)).ShouldBe(HttpStatusCode.TooManyRequests);
        (await Ask(other)).ShouldBe(HttpStatusCode.Created);
        await Place(client);   // what is placed at once is no draft

        using var refused = await client.PostAsJsonAsync("/v1/orders", Body, Cancelled);
        refused.Headers.RetryAfter.ShouldNotBeNull();
        (await Json(refused))["type"]!.GetValue<string>().ShouldEndWith("too_many_drafts");
    }

    [Fact]
    public async Task A_stream_ends_after_its_longest_time()
    {
        using var client = orders.Customer();
        using var stream = await OrderStream.Open(client, await Draft(client));
        stream.Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await stream.Next()).ShouldBe((2, "draft"));
        (await stream.Next()).ShouldBeNull("the reader comes back by itself.");
    }

    private static object Body => new { items = new[] { new { sku = Lamp, quantity = 1 } } };

    private static async Task<HttpStatusCode> Ask(HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync("/v1/orders", Body, Cancelled);
        return answer.StatusCode;
    }
}
