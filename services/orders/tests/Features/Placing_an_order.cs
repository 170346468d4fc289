using System.Net;
using System.Net.Http.Json;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

public sealed class Placing_an_order(OrdersFixture orders)
{
    [Fact]
    public async Task begins_with_a_draft_at_the_catalogues_prices()
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
    public async Task can_be_done_at_once()
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
}
