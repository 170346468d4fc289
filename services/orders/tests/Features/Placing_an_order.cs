using System.Net;
using System.Net.Http.Json;
using System.Text;
using Chassis.Testing;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

public sealed class Placing_an_order(OrdersFixture orders)
{
    [Fact]
    public async Task Begins_with_a_draft_at_the_catalogues_prices()
    {
        using var client = orders.Customer();
        using var response = await client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku = Lamp, quantity = 3 }, new { sku = Desk, quantity = 1 } } }, TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.Created);
        var order = await Json(response);
        response.Headers.Location!.ToString().ShouldBe($"/v1/orders/{order["id"]}");
        response.Headers.ETag!.Tag.ShouldBe("\"3\"");
        order["status"]!.GetValue<string>().ShouldBe("draft");
        order["version"]!.GetValue<long>().ShouldBe(3);
        order["total"]!.ToJsonString().ShouldBe("""{"amount":"308.97","currency":"EUR"}""");
        order["items"]![0]!.ToJsonString().ShouldBe("""{"sku":"LAMP","name":"The LAMP","quantity":3,"unitPrice":{"amount":"19.99","currency":"EUR"}}""");
        (await Get(client, order["id"]!.GetValue<Guid>())).ToJsonString().ShouldBe(order.ToJsonString());
    }

    [Fact]
    public async Task Can_be_done_at_once()
    {
        using var client = orders.Customer();
        var id = await Place(client);

        var order = await Get(client, id);
        order["status"]!.GetValue<string>().ShouldBe("submitted");
        order["paymentMethod"]!.GetValue<string>().ShouldBe("pm_card_visa");
        order["shippingAddress"]!["city"]!.GetValue<string>().ShouldBe("London");
        order["submittedAt"].ShouldNotBeNull();
        (await orders.Told(id)).ShouldBe("shop.order.submitted.v1 3, shop.order.submitted.v2 3");
    }

    [Fact]
    public async Task Charges_what_the_customer_has_seen_or_nothing()
    {
        var ct = TestContext.Current.CancellationToken;
        using var client = orders.Customer();
        var sku = $"SEEN-{Guid.NewGuid():n}"[..20];
        await orders.AddProduct(sku, "20.00");
        using var drafted = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku, quantity = 2 } } }, ct);
        var id = (await Json(drafted))["id"]!.GetValue<Guid>();
        await orders.Publish(new Shop.Contracts.Inventory.V1.ProductPriceChanged(sku, new(20m, "EUR"), new(25m, "EUR"), TimeProvider.System.GetUtcNow()), 2);
        await Poll.UntilAsync(async () => Amount((await Get(client, id))["total"]!) == 50m, "the draft to show what it would cost now");

        // The draft shows what it would cost now, in every place.
        Amount((await Get(client, id))["items"]![0]!["unitPrice"]!).ShouldBe(25m);
        using var list = await client.GetAsync(new Uri("/v1/orders?status=draft", UriKind.Relative), ct);
        Amount((await Json(list))["items"]![0]!["total"]!).ShouldBe(50m);

        using var refused = await client.PostAsJsonAsync(
            $"/v1/orders/{id}/submit",
            new { paymentMethod = "pm_card_visa", shippingAddress = Address, expectedTotal = new { amount = "40", currency = "EUR" } },
            ct);
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        var problem = await Json(refused);
        problem["type"]!.GetValue<string>().ShouldEndWith("price_changed");
        problem["detail"]!.GetValue<string>().ShouldMatch(@"costs 50(\.0+)? EUR now, and 40(\.0+)? EUR was expected");
        (await Get(client, id))["status"]!.GetValue<string>().ShouldBe("draft");

        using var placed = await client.PostAsJsonAsync(
            $"/v1/orders/{id}/submit",
            new { paymentMethod = "pm_card_visa", shippingAddress = Address, expectedTotal = new { amount = "50.00", currency = "EUR" } },
            ct);
        placed.StatusCode.ShouldBe(HttpStatusCode.Accepted);

        static decimal Amount(System.Text.Json.Nodes.JsonNode money) =>
            decimal.Parse(money["amount"]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Adds_up_the_same_sku_and_keeps_the_order_of_the_lines()
    {
        using var client = orders.Customer();
        using var response = await client.PostAsJsonAsync(
            "/v1/orders",
            new { items = new[] { new { sku = Lamp, quantity = 1 }, new { sku = Desk, quantity = 1 }, new { sku = Lamp, quantity = 2 } } },
            TestContext.Current.CancellationToken);

        var items = (await Json(response))["items"]!.AsArray();
        items.Select(i => $"{i!["sku"]} {i["quantity"]}").ShouldBe(["LAMP 3", "DESK 1"]);
    }

    [Fact]
    public async Task Makes_one_order_of_twins_with_one_idempotency_key()
    {
        using var client = orders.Customer();
        client.DefaultRequestHeaders.Add("Idempotency-Key", Guid.NewGuid().ToString());
        var body = new { items = new[] { new { sku = Lamp, quantity = 1 } }, submit = Submission };
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(
            _ => client.PostAsJsonAsync("/v1/orders", body, TestContext.Current.CancellationToken)));
        using var late = await client.PostAsJsonAsync("/v1/orders", body, TestContext.Current.CancellationToken);

        answers.Select(a => a.StatusCode).ShouldAllBe(s => s == HttpStatusCode.Created || s == HttpStatusCode.Conflict);
        late.StatusCode.ShouldBe(HttpStatusCode.Created);
        late.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        using var list = await client.GetAsync(new Uri("/v1/orders", UriKind.Relative), TestContext.Current.CancellationToken);
        var only = (await Json(list))["items"]!.AsArray().ShouldHaveSingleItem();
        only!["id"]!.GetValue<Guid>().ShouldBe((await Json(late))["id"]!.GetValue<Guid>());

        using var other = await client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku = Desk, quantity = 1 } } }, TestContext.Current.CancellationToken);
        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Theory]
    [InlineData("""{"items": []}""", "items")]
    [InlineData("""{}""", "items")]
    [InlineData("""{"items": null}""", "items")]
    [InlineData("""{"items": [null]}""", "items[0]")]
    [InlineData("""{"items": [{"sku": "LAMP"}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 0}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": -1}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 10001}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 6000}, {"sku": "LAMP", "quantity": 6000}]}""", "items[1].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 1.5}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": "1"}]}""", "items[0].quantity")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 1, "unitPrice": "0.01"}]}""", "items[0].unitPrice")]
    [InlineData("""{"items": [{"sku": "NOBODY-KNOWS-IT", "quantity": 1}]}""", "items[0].sku")]
    [InlineData("""{"items": [{"sku": "", "quantity": 1}]}""", "items[0].sku")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 1}], "currency": "USD"}""", "items[0].sku")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 1}], "currency": "euros"}""", "currency")]
    [InlineData("""{"items": [{"sku": "LAMP", "quantity": 1}], "submit": {"paymentMethod": "pm_card_visa"}}""", "submit.shippingAddress")]
    [InlineData(
        """{"items": [{"sku": "LAMP", "quantity": 1}], "submit": {"paymentMethod": " ", "shippingAddress": {"name": "A", "line1": "B", "city": "C", "postalCode": "D", "country": "GB"}}}""",
        "submit.paymentMethod")]
    [InlineData(
        """{"items": [{"sku": "LAMP", "quantity": 1}], "submit": {"paymentMethod": "pm", "shippingAddress": {"name": "A", "line1": "B", "city": "C", "postalCode": "D", "country": "England"}}}""",
        "submit.shippingAddress.country")]
    [InlineData("""{"items": [{"sku": "LAMP",""", "*")]
    [InlineData("", "*")]
    public async Task Refuses_bad_input_field_by_field_and_stores_nothing(string body, string field)
    {
        var user = NewId();
        using var client = orders.ClientFor(user);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("/v1/orders", UriKind.Relative), content, TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        if (field != "*")
        {
            (await Json(response))["errors"]!.AsObject().Select(e => e.Key).ShouldContain(field);
        }

        (await orders.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE user_id = '{user}'")).ShouldBe(0);
    }

    [Fact]
    public async Task Has_at_most_100_lines()
    {
        using var client = orders.Customer();
        var items = Enumerable.Range(0, 101).Select(_ => new { sku = Lamp, quantity = 1 });
        using var response = await client.PostAsJsonAsync("/v1/orders", new { items }, TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Is_refused_in_two_currencies()
    {
        await orders.AddProduct("LAMP-US", "25.00", "USD");
        using var client = orders.Customer();
        using var response = await client.PostAsJsonAsync(
            "/v1/orders",
            new { items = new[] { new { sku = Lamp, quantity = 1 }, new { sku = "LAMP-US", quantity = 1 } } },
            TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await Json(response))["errors"]!.AsObject().Single().Key.ShouldBe("items[1].sku");
    }

    [Theory]
    [InlineData("EUR", "100000.00", 9, 201)]
    [InlineData("EUR", "100000.00", 10, 409)]
    [InlineData("JPY", "9999999", 10, 201)]
    [InlineData("JPY", "9999999", 11, 409)]
    public async Task Is_refused_at_a_total_that_no_payment_can_have(string currency, string price, int quantity, int status)
    {
        await orders.AddProduct($"DEAR-{currency}", price, currency);
        using var client = orders.Customer();
        using var answer = await client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku = $"DEAR-{currency}", quantity } }, submit = Submission }, TestContext.Current.CancellationToken);

        ((int)answer.StatusCode).ShouldBe(status);
        (await Json(answer)).ToJsonString().Contains("total_too_large", StringComparison.Ordinal).ShouldBe(status == 409);
    }

    [Theory]
    [InlineData("MGA", "19.99", "20")]    // two decimals by ISO 4217, none at the payment provider
    [InlineData("LYD", "1.2395", "1.239")]
    public async Task Is_refused_at_a_total_that_cannot_be_charged_to_the_last_digit(string currency, string price, string chargeable)
    {
        await orders.AddProduct($"ODD-{currency}", price, currency);
        await orders.AddProduct($"EVEN-{currency}", chargeable, currency);
        using var client = orders.Customer();
        using var refused = await Place($"ODD-{currency}");
        using var accepted = await Place($"EVEN-{currency}");

        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        refused.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await Json(refused))["type"]!.GetValue<string>().ShouldContain("total_not_chargeable");
        accepted.StatusCode.ShouldBe(HttpStatusCode.Created);

        Task<HttpResponseMessage> Place(string sku) => client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku, quantity = 1 } }, submit = Submission }, TestContext.Current.CancellationToken);
    }
}
