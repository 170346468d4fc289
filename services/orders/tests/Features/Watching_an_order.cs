using System.Net;
using System.Net.Http.Json;
using Chassis;
using Chassis.Testing;
using Orders.Domain;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>Server-sent events of one order.</summary>
public sealed class Watching_an_order(OrdersFixture orders)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Shows_it_as_it_is_and_after_every_change_until_its_end()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        using var stream = await OrderStream.Open(client, id);
        stream.Response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");

        (await stream.Next()).ShouldBe((3, "submitted"));
        await orders.Do(id, now => new Confirm(now));
        (await stream.Next()).ShouldBe((4, "confirmed"));
        await orders.Do(id, now => new Fail("timed_out: test", null, now));
        (await stream.Next()).ShouldBe((5, "failed"));
        (await stream.Next()).ShouldBeNull();
    }

    [Fact]
    public async Task Ends_with_the_readers_session()
    {
        var reader = NewId();
        using var client = orders.WithToken(orders.Tokens.For(reader.ToString(), sessionEpoch: 0));
        var id = await Place(client);
        using var stream = await OrderStream.Open(client, id);
        (await stream.Next()).ShouldBe((3, "submitted"));

        await orders.Publish(new Shop.Contracts.Users.V1.UserSessionsEnded(reader, 1, "password_changed", TimeProvider.System.GetUtcNow()), 2);
        (await stream.Next()).ShouldBeNull();
    }

    [Fact]
    public async Task Goes_on_where_the_reader_left_off_and_misses_nothing()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        using var cancelled = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, Cancelled);
        using var stream = await OrderStream.Open(client, id, lastEventId: "1");

        (await stream.Next()).ShouldBe((2, "draft"));
        (await stream.Next()).ShouldBe((3, "draft"));
        (await stream.Next()).ShouldBe((4, "cancelled"));
    }

    [Fact]
    public async Task Is_told_not_to_come_back_when_nothing_will_happen_any_more()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var cancelled = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, Cancelled);
        using var over = await OrderStream.Open(client, id, lastEventId: "3");
        over.Response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        using var wrong = await OrderStream.Open(client, id, lastEventId: "three");
        wrong.Response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Leaves_connections_to_others()
    {
        using var client = orders.Customer();
        using var other = orders.Customer();
        var (id, others) = (await Draft(client), await Draft(other));
        var (streams, limits) = (new List<OrderStream>(), new OrdersOptions());
        for (var i = 0; i < limits.StreamsPerCaller; i++)
        {
            id = i % limits.StreamsPerOrder == 0 ? await Draft(client) : id;
            streams.Add(await OrderStream.Open(client, id));
            streams[^1].Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        using (var refused = await OrderStream.Open(client, await Draft(client)))
        {
            refused.Response.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            refused.Response.Headers.RetryAfter.ShouldNotBeNull();
        }

        streams[0].Dispose();
        await Poll.UntilAsync(
            async () =>
            {
                using var full = await OrderStream.Open(client, id);
                using var one = await OrderStream.Open(client, await Draft(client));
                return full.Response.StatusCode == HttpStatusCode.TooManyRequests && one.Response.StatusCode == HttpStatusCode.OK;
            },
            "one stream of another order to have a place, and none of the order that has all of its own");

        using (var allowed = await OrderStream.Open(other, others))
        {
            allowed.Response.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        streams.ForEach(stream => stream.Dispose());
        await Poll.UntilAsync(
            async () =>
            {
                using var again = await OrderStream.Open(client, id);
                return again.Response.StatusCode == HttpStatusCode.OK;
            },
            "places to be free again");
    }

    [Fact]
    public async Task Ends_with_the_token()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        var id = await Draft(client);
        using var soon = orders.Anonymous();
        soon.DefaultRequestHeaders.Authorization = new("Bearer", orders.Tokens.Sign(
            new() { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = orders.Tokens.KeyId },
            new()
            {
                ["iss"] = TestTokens.Issuer,
                ["aud"] = TestTokens.Audience,
                ["sub"] = user.ToString(),
                ["role"] = "customer",
                ["exp"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 3,
            }));
        using var stream = await OrderStream.Open(soon, id);
        stream.Response.StatusCode.ShouldBe(HttpStatusCode.OK);

        while (await stream.Next() is not null)
        {
        }
    }

    [Theory]
    [InlineData(999, true)]
    [InlineData(1000, false)]
    public void A_draft_does_not_grow_without_end(long version, bool allowed)
    {
        var order = new VersionedOrder(null!, version, null);
        var change = () => Orders.Features.ChangeItems.MustBeShort(order);
        if (allowed)
        {
            change();
        }
        else
        {
            Should.Throw<ProblemException>(change).Code.ShouldBe("draft_too_long");
        }
    }
}
