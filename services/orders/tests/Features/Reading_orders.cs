using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Orders.Domain;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

public sealed class Reading_orders(OrdersFixture orders)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Shows_a_customer_in_the_events_nothing_of_who_of_the_shop_acted()
    {
        var (owner, support) = (NewId(), NewId());
        using var client = orders.ClientFor(owner);
        using var @operator = orders.ClientFor(support, @operator: true);
        var id = await Draft(client);
        using (var cancelled = await @operator.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "by telephone" }, Cancelled))
        {
            cancelled.StatusCode.ShouldBe(System.Net.HttpStatusCode.Accepted);
        }

        var seen = await client.GetStringAsync(new Uri($"/v1/orders/{id}/events", UriKind.Relative), Cancelled);
        seen.ShouldContain("order.cancelled");
        seen.ShouldContain(owner.ToString());
        seen.ShouldNotContain(support.ToString());
        (await @operator.GetStringAsync(new Uri($"/v1/orders/{id}/events", UriKind.Relative), Cancelled)).ShouldContain(support.ToString());
    }

    [Fact]
    public async Task Shows_them_to_their_customer_and_to_operators_only()
    {
        using var owner = orders.Customer();
        using var other = orders.Customer();
        using var @operator = orders.Operator();
        var id = await Draft(owner);
        foreach (var path in new[] { $"/v1/orders/{id}", $"/v1/orders/{id}?asOf=1", $"/v1/orders/{id}/events", $"/v1/orders/{id}/stream" })
        {
            using var refused = await other.GetAsync(new Uri(path, UriKind.Relative), Cancelled);
            refused.StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }

        (await Get(@operator, id))["id"]!.GetValue<Guid>().ShouldBe(id);
        using var nothing = await owner.GetAsync(new Uri($"/v1/orders/{NewId()}", UriKind.Relative), Cancelled);
        nothing.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var noId = await owner.GetAsync(new Uri("/v1/orders/not-an-id", UriKind.Relative), Cancelled);
        noId.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Stays_inside_the_tenant()
    {
        var user = NewId();
        using var here = orders.ClientFor(user, tenant: "globex");
        using var there = orders.ClientFor(NewId(), @operator: true, tenant: "umbrella");
        using var sameTenant = orders.ClientFor(NewId(), @operator: true, tenant: "globex");
        var id = await Draft(here);

        using var refused = await there.GetAsync(new Uri($"/v1/orders/{id}", UriKind.Relative), Cancelled);
        refused.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await List(there, $"?userId={user}"))["items"]!.AsArray().ShouldBeEmpty();
        (await List(sameTenant, $"?userId={user}"))["items"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task Lists_ones_own_newest_first_page_by_page()
    {
        using var client = orders.Customer();
        var ids = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            ids.Insert(0, await Draft(client));
        }

        var seen = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await List(client, $"?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            seen.AddRange(page["items"]!.AsArray().Select(o => o!["id"]!.GetValue<Guid>()));
            cursor = page["nextCursor"]?.GetValue<string>();
        }
        while (cursor is not null);

        seen.ShouldBe(ids);
    }

    [Fact]
    public async Task Filters_by_status_customer_and_time()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        using var @operator = orders.Operator();
        var draft = await Draft(client);
        var placed = await Place(client);
        var created = (await Get(client, placed))["createdAt"]!.GetValue<string>();

        Ids(await List(client, "?status=submitted")).ShouldBe([placed]);
        Ids(await List(client, "?status=draft")).ShouldBe([draft]);
        Ids(await List(client, $"?from={created}")).ShouldBe([placed]);
        Ids(await List(client, $"?to={created}")).ShouldBe([draft]);
        Ids(await List(@operator, $"?userId={user}")).ShouldBe([placed, draft]);
        Ids(await List(@operator, $"?userId={user}&status=draft")).ShouldBe([draft]);
        Ids(await List(@operator, "?limit=200")).ShouldContain(placed);
        using var curious = orders.Customer();
        using var forbidden = await curious.GetAsync(new Uri($"/v1/orders?userId={user}", UriKind.Relative), Cancelled);
        forbidden.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Finds_an_order_by_what_somebody_has_of_it()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        using var @operator = orders.Operator();
        using var stranger = orders.Customer();
        var (order, other, payment) = (await Place(client), await Place(client), NewId());
        await orders.Database.ExecuteAsync(
            $"""
            INSERT INTO payments (id, order_id, user_id, status, amount, currency, payment_method, version, created_at, updated_at, attempts, authorization_attempted)
            VALUES ('{payment}', '{order}', '{user}', 'authorized', 39.98, 'EUR', 'pm_card_visa', 1, now(), now(), 1, true)
            ON CONFLICT (order_id) DO UPDATE SET id = excluded.id
            """);
        var number = order.ToString("N")[^8..];

        foreach (var search in new[] { order.ToString(), number, $"{number[..4]}-{number[4..]}".ToUpperInvariant(), payment.ToString(), $" {number} " })
        {
            Ids(await List(@operator, $"?search={Uri.EscapeDataString(search)}")).ShouldBe([order], search);
        }

        Ids(await List(@operator, $"?search={other}&status=submitted")).ShouldBe([other]);
        Ids(await List(@operator, $"?search={other}&status=draft")).ShouldBeEmpty();
        Ids(await List(@operator, $"?search={NewId()}")).ShouldBeEmpty();
        Ids(await List(client, $"?search={number}")).ShouldBe([order]);
        Ids(await List(stranger, $"?search={number}")).ShouldBeEmpty();
        Ids(await List(stranger, $"?search={payment}")).ShouldBeEmpty();

        // By an index, before and after the read model was made anew: its tables change places.
        (await orders.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_indexes WHERE tablename IN ('orders', 'orders_shadow') AND indexdef LIKE '%right%(id)%8)%'")).ShouldBe(2);
    }

    [Theory]
    [InlineData("?search=lamp")]
    [InlineData("?search=1234567")]
    [InlineData("?status=lost")]
    [InlineData("?status=1")]
    [InlineData("?limit=0")]
    [InlineData("?limit=201")]
    [InlineData("?limit=many")]
    [InlineData("?cursor=garbage")]
    [InlineData("?from=yesterday")]
    [InlineData("?userId=me")]
    public async Task Refuses_a_query_that_makes_no_sense(string query)
    {
        using var client = orders.Customer();
        using var response = await client.GetAsync(new Uri("/v1/orders" + query, UriKind.Relative), Cancelled);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Json(response))["errors"]!.AsObject().Count.ShouldBePositive();
    }

    [Fact]
    public async Task Goes_back_in_time_by_version_and_by_moment()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
        using var submitted = await client.PostAsJsonAsync($"/v1/orders/{id}/submit", Submission, Cancelled);
        var now = await Get(client, id);

        (await Get(client, id, "?asOf=1"))["items"]!.AsArray().ShouldBeEmpty();
        (await Get(client, id, "?asOf=2"))["total"]!["amount"]!.GetValue<string>().ShouldBe("39.98");
        var third = await Get(client, id, "?asOf=3");
        third["status"]!.GetValue<string>().ShouldBe("draft");
        third["version"]!.GetValue<long>().ShouldBe(3);
        (await Get(client, id, "?asOf=4")).ToJsonString().ShouldBe(now.ToJsonString());
        (await Get(client, id, $"?asOf={now["submittedAt"]}"))["status"]!.GetValue<string>().ShouldBe("submitted");
        (await Get(client, id, $"?asOf={now["createdAt"]}"))["status"]!.GetValue<string>().ShouldBe("draft");
        foreach (var (query, status) in new[] { ("5", 404), ("2001-01-01", 404), ("0", 400), ("then", 400), ("-1", 400) })
        {
            using var response = await client.GetAsync(new Uri($"/v1/orders/{id}?asOf={query}", UriKind.Relative), Cancelled);
            ((int)response.StatusCode).ShouldBe(status, query);
        }
    }

    [Fact]
    public async Task Tells_the_whole_history_with_who_and_why()
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        client.DefaultRequestHeaders.Add("X-Correlation-Id", "my-basket");
        var id = await Place(client);
        using var response = await client.GetAsync(new Uri($"/v1/orders/{id}/events", UriKind.Relative), Cancelled);
        var events = (await Json(response))["items"]!.AsArray();

        events.Select(e => $"{e!["version"]} {e["eventType"]}.v{e["eventVersion"]}")
            .ShouldBe(["1 order.drafted.v1", "2 order.item-added.v2", "3 order.submitted.v1"]);
        events[2]!["metadata"]!["correlationId"]!.GetValue<string>().ShouldBe("my-basket");
        events[2]!["metadata"]!["userId"]!.GetValue<string>().ShouldBe(user.ToString());
        events[2]!["payload"]!["shippingAddress"]!["city"]!.GetValue<string>().ShouldBe("London");
        events[2]!["payload"]!["total"]!["amount"]!.GetValue<string>().ShouldBe("39.98");

        using var first = await client.GetAsync(new Uri($"/v1/orders/{id}/events?limit=2", UriKind.Relative), Cancelled);
        var page = await Json(first);
        using var second = await client.GetAsync(new Uri($"/v1/orders/{id}/events?limit=2&cursor={page["nextCursor"]}", UriKind.Relative), Cancelled);
        (await Json(second))["items"]!.AsArray().Single()!["version"]!.GetValue<long>().ShouldBe(3);
    }

    [Fact]
    public async Task Reads_an_item_that_was_added_before_prices_had_a_currency()
    {
        var (id, user) = (NewId(), NewId());
        await orders.Database.ExecuteAsync(
            $$"""
            INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at) VALUES
            (gen_random_uuid(), '{{id}}', 'order', 1, 'order.drafted', 1,
             '{"orderId": "{{id}}", "userId": "{{user}}", "currency": "EUR", "at": "2025-01-01T00:00:00+00:00"}', '{"correlationId": "old"}', '2025-01-01'),
            (gen_random_uuid(), '{{id}}', 'order', 2, 'order.item-added', 1,
             '{"orderId": "{{id}}", "sku": "LAMP", "name": "Lamp", "quantity": 2, "price": "19.99", "at": "2025-01-01T00:00:00+00:00"}', '{"correlationId": "old"}', '2025-01-01')
            """);
        using var client = orders.ClientFor(user);

        (await Get(client, id, "?asOf=2"))["total"]!.ToJsonString().ShouldBe("""{"amount":"39.98","currency":"EUR"}""");

        // The row that this stream was stored without; the test of the rebuild compares all of them.
        await orders.Database.ExecuteAsync(
            $$$"""
            INSERT INTO orders (id, user_id, status, created_at, version, document) SELECT '{{{id}}}', '{{{user}}}', 'draft', '2025-01-01', 2,
            '{"id": "{{{id}}}", "userId": "{{{user}}}", "currency": "EUR", "createdAt": "2025-01-01T00:00:00+00:00", "status": "draft", "isTerminal": false,
              "lines": [{"sku": "LAMP", "name": "Lamp", "quantity": 2, "unitPrice": {"amount": "19.99", "currency": "EUR"}}], "total": {"amount": "39.98", "currency": "EUR"}}'
            """);
    }

    [Fact]
    public async Task Saves_the_bytes_of_an_order_that_has_not_changed()
    {
        using var client = orders.Customer();
        var id = await Draft(client);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/orders/{id}");
        request.Headers.TryAddWithoutValidation("If-None-Match", "\"2\"");
        using var response = await client.SendAsync(request, Cancelled);
        response.StatusCode.ShouldBe(HttpStatusCode.NotModified);
    }

    [Fact]
    public async Task Counts_as_sold_what_was_completed()
    {
        await orders.AddProduct("SOLD-1", "10.50");
        using var client = orders.Customer();
        using var @operator = orders.Operator();
        using var created = await client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku = "SOLD-1", quantity = 3 } }, submit = Submission }, Cancelled);
        var id = (await Json(created))["id"]!.GetValue<Guid>();
        await orders.Do(id, now => new Confirm(now));
        await Until(client, id, "confirmed");
        await orders.Do(id, now => new Ship(new Shipment(NewId(), "DHL", "JD"), now));
        await Until(client, id, "shipped");
        await orders.Do(id, now => new Complete(now));
        var completed = await Until(client, id, "completed");

        var row = await Poll.UntilAsync(
            async () => (await Sales(@operator, "?groupBy=product"))["items"]!.AsArray().FirstOrDefault(r => r!["sku"]!.GetValue<string>() == "SOLD-1"),
            "the sale to be counted");
        row.ToJsonString().ShouldBe("""{"sku":"SOLD-1","name":"The SOLD-1","orders":1,"quantity":3,"revenue":{"amount":"31.50","currency":"EUR"}}""");
        var day = completed["completedAt"]!.GetValue<string>()[..10];
        var today = (await Sales(@operator, $"?from={day}&to={day}&groupBy=day"))["items"]!.AsArray().Single(
            r => r!["revenue"]!["currency"]!.GetValue<string>() == "EUR")!;
        today["day"]!.GetValue<string>().ShouldBe(day);
        today["placed"]!.GetValue<long>().ShouldBeGreaterThanOrEqualTo(today["orders"]!.GetValue<long>());
        (await Sales(@operator, "?to=2001-01-01"))["items"]!.AsArray().ShouldBeEmpty();
        using var bad = await @operator.GetAsync(new Uri("/v1/statistics/sales?groupBy=moon", UriKind.Relative), Cancelled);
        bad.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var forbidden = await client.GetAsync(new Uri("/v1/statistics/sales", UriKind.Relative), Cancelled);
        forbidden.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    private static async Task<JsonNode> Sales(HttpClient client, string query)
    {
        using var response = await client.GetAsync(new Uri("/v1/statistics/sales" + query, UriKind.Relative), Cancelled);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return await Json(response);
    }

    private static async Task<JsonNode> List(HttpClient client, string query)
    {
        using var response = await client.GetAsync(new Uri("/v1/orders" + query, UriKind.Relative), Cancelled);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return await Json(response);
    }

    private static IEnumerable<Guid> Ids(JsonNode page) => page["items"]!.AsArray().Select(o => o!["id"]!.GetValue<Guid>());
}
