using System.Net;
using System.Net.Http.Json;
using Chassis.Testing;
using Orders.Fulfilment;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>What the saga tells an order, and what the order answers to the world.</summary>
public sealed class Fulfilling_an_order(OrdersFixture orders)
{
    private static readonly Shop.Contracts.Money Refund = new(39.98m, "EUR");

    [Fact]
    public async Task goes_step_by_step_and_tells_each_with_the_orders_version()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Command(new ConfirmOrder(id), id);
        await Until(client, id, "confirmed");
        await orders.Command(new RecordShipment(id, NewId(), "DHL", "JD0001"), id);
        (await Until(client, id, "shipped"))["shipment"]!["trackingNumber"]!.GetValue<string>().ShouldBe("JD0001");
        using var tooLate = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "x" }, TestContext.Current.CancellationToken);
        tooLate.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        await orders.Command(new CompleteOrder(id), id);
        var completed = await Until(client, id, "completed");

        completed["completedAt"].ShouldNotBeNull();
        (await orders.Told(id)).ShouldBe(
            "shop.order.submitted.v1 3, shop.order.submitted.v2 3, shop.order.confirmed.v1 4, shop.order.shipped.v1 5, shop.order.completed.v1 6");
    }

    [Fact]
    public async Task answers_a_repeated_command_with_the_same_event_and_changes_nothing()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Command(new ConfirmOrder(id), id);
        await Until(client, id, "confirmed");
        await orders.Command(new ConfirmOrder(id), id);

        await Poll.Until(() => Heard(id, "shop.order.confirmed.v1").Length == 2, "the second answer");
        var answers = Heard(id, "shop.order.confirmed.v1");
        answers.Select(a => a.Sequence).ShouldAllBe(s => s == 4);
        answers.Select(a => a.Headers["cloudEvents_id"]).Distinct().Count().ShouldBe(1);
        (await Get(client, id))["version"]!.GetValue<long>().ShouldBe(4);
    }

    [Fact]
    public async Task takes_a_completion_that_overtook_the_shipment_when_its_time_has_come()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Command(new ConfirmOrder(id), id);
        await Until(client, id, "confirmed");
        await orders.Command(new CompleteOrder(id), id);
        await orders.Command(new RecordShipment(id, NewId(), "DHL", "JD0002"), id);

        await Until(client, id, "completed");
    }

    [Fact]
    public async Task ends_as_failed_with_the_reason_and_the_refund()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Command(new FailOrder(id, "payment_declined: insufficient_funds", Refund), id);

        var failed = await Until(client, id, "failed");
        failed["reason"]!.GetValue<string>().ShouldBe("payment_declined: insufficient_funds");
        failed["refunded"]!["amount"]!.GetValue<string>().ShouldBe("39.98");
        (await orders.Told(id)).ShouldEndWith("shop.order.failed.v1 4");
    }

    [Fact]
    public async Task ends_as_cancelled_after_the_customer_asked_for_it()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        using var asked = await client.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "changed my mind" }, TestContext.Current.CancellationToken);
        await orders.Command(new CancelOrder(id, "changed my mind"), id);

        (await Until(client, id, "cancelled"))["reason"]!.GetValue<string>().ShouldBe("changed my mind");
        (await orders.Told(id)).ShouldEndWith("shop.order.cancelled.v1 5");
    }

    [Fact]
    public async Task is_told_how_an_order_ended_when_it_asks_too_late()
    {
        using var client = orders.Customer();
        var id = await Place(client);
        await orders.Command(new FailOrder(id, "timed_out: stock"), id);
        await Until(client, id, "failed");
        await orders.Command(new ConfirmOrder(id), id);

        await Poll.Until(() => Heard(id, "shop.order.failed.v1").Length == 2, "the end to be told again");
        Heard(id, "shop.order.confirmed.v1").ShouldBeEmpty();
    }

    private TappedEvent[] Heard(Guid id, string type) => [.. orders.Tap.Seen.Where(e => e.Type == type && e.Subject == id.ToString())];
}
