using System.Net;
using System.Net.Http.Json;
using Chassis.Messaging;
using Orders.Domain;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>What the saga tells an order, and what the order answers to the world.</summary>
public sealed class Fulfilling_an_order(OrdersFixture orders)
{
    private static readonly Money Refund = new(39.98m, "EUR");

    [Fact]
    public async Task Goes_step_by_step_and_tells_each_with_the_orders_version()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Do(id, now => new Confirm(now));
        await Until(client, id, "confirmed");
        await orders.Do(id, now => new Ship(new Shipment(NewId(), "DHL", "JD0001"), now));
        (await Until(client, id, "shipped"))["shipment"]!["trackingNumber"]!.GetValue<string>().ShouldBe("JD0001");
        using var tooLate = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, TestContext.Current.CancellationToken);
        tooLate.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        await orders.Do(id, now => new Complete(now));
        var completed = await Until(client, id, "completed");

        completed["completedAt"].ShouldNotBeNull();
        (await orders.Told(id)).ShouldBe(
            "shop.order.submitted.v1 3, shop.order.submitted.v2 3, shop.order.confirmed.v1 4, shop.order.shipped.v1 5, shop.order.completed.v1 6");
    }

    [Fact]
    public async Task Changes_nothing_the_second_time_and_says_nothing_more()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Do(id, now => new Confirm(now));
        await orders.Do(id, now => new Confirm(now));
        await orders.Do(id, now => new Ship(new Shipment(NewId(), "DHL", "JD0002"), now));

        (await orders.Told(id)).ShouldEndWith("shop.order.submitted.v2 3, shop.order.confirmed.v1 4, shop.order.shipped.v1 5");
    }

    [Fact]
    public async Task Does_not_complete_before_it_has_left_the_house()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Do(id, now => new Confirm(now));

        (await Should.ThrowAsync<NonTransientException>(() => orders.Do(id, now => new Complete(now)))).Message.ShouldContain("order_not_shipped");
        (await Get(client, id))["status"]!.GetValue<string>().ShouldBe("confirmed");
    }

    [Fact]
    public async Task Ends_as_failed_with_the_reason_and_the_refund()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Do(id, now => new Fail("payment_declined: insufficient_funds", Refund, now));

        var failed = await Until(client, id, "failed");
        failed["reason"]!.GetValue<string>().ShouldBe("payment_declined: insufficient_funds");
        failed["refunded"]!["amount"]!.GetValue<string>().ShouldBe("39.98");
        (await orders.Told(id)).ShouldEndWith("shop.order.failed.v1 4");
    }

    [Fact]
    public async Task Ends_as_cancelled_after_the_customer_asked_for_it()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        using var asked = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "changed my mind" }, TestContext.Current.CancellationToken);
        await orders.Do(id, now => new Cancel("changed my mind", null, now));

        (await Until(client, id, "cancelled"))["reason"]!.GetValue<string>().ShouldBe("changed my mind");
        (await orders.Told(id)).ShouldEndWith("shop.order.cancelled.v1 5");
    }

    [Fact]
    public async Task Does_not_go_on_after_its_end()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Do(id, now => new Fail("timed_out: stock", null, now));

        (await Should.ThrowAsync<NonTransientException>(() => orders.Do(id, now => new Confirm(now)))).Message.ShouldContain("order_already_failed");
        (await orders.Told(id)).ShouldEndWith("shop.order.failed.v1 4");
    }
}
