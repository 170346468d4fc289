using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>What a customer can rely on, seen from outside only.</summary>
public sealed class Orders_through_the_whole_system(RunningShop shop)
{
    [Fact]
    public async Task Are_fulfilled()
    {
        var sku = await shop.ProductAsync(stock: 10);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 2));

        var completed = await shop.OrderIs(order, "completed");

        foreach (var time in (string[])["submittedAt", "confirmedAt", "shippedAt", "completedAt"])
        {
            completed.GetProperty(time).GetDateTimeOffset().ShouldBeGreaterThan(DateTimeOffset.UnixEpoch, time);
        }

        var stock = await shop.StockOf(sku);
        (stock.GetProperty("onHand").GetInt32(), stock.GetProperty("reserved").GetInt32(), stock.GetProperty("shipped").GetInt32()).ShouldBe((8, 0, 2));
        (await shop.PaymentsOf(order)).ShouldBe(["captured"]);
        await Told(order, "shop.order.submitted.v1", "shop.order.submitted.v2", "shop.order.confirmed.v1", "shop.order.shipped.v1", "shop.order.completed.v1");
        await Mailed(order, 2);
    }

    [Fact]
    public async Task Fail_when_the_stock_runs_out_and_cost_nothing()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 2));

        (await shop.OrderIs(order, "failed")).GetProperty("reason").GetString()!.ShouldStartWith("out_of_stock:");

        (await shop.StockOf(sku)).GetProperty("available").GetInt32().ShouldBe(1);
        (await shop.PaymentsOf(order)).ShouldNotContain("captured");
        await Told(order, "shop.order.failed.v1");
    }

    [Theory]
    [InlineData("pm_card_declined")]
    [InlineData("pm_card_insufficient_funds")]
    public async Task Fail_when_the_card_is_declined_and_give_the_stock_back(string card)
    {
        var sku = await shop.ProductAsync(stock: 3);
        var order = await shop.Customer.OrderAsync(card, (sku, 3));

        (await shop.OrderIs(order, "failed")).GetProperty("reason").GetString()!.ShouldStartWith("payment_declined:");

        (await shop.StockOf(sku)).GetProperty("available").GetInt32().ShouldBe(3);
        (await shop.PaymentsOf(order)).ShouldNotContain("captured");
    }

    [Fact]
    public async Task Are_fulfilled_although_the_payment_provider_stumbles()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_flaky", (sku, 1));
        await shop.OrderIs(order, "completed");
        (await shop.PaymentsOf(order)).ShouldBe(["captured"]);
    }

    [Fact]
    public async Task Can_be_cancelled_in_flight_and_are_undone()
    {
        var sku = await shop.ProductAsync(stock: 5);
        var order = await shop.OrderHeldAtItsPaymentAsync(shop.Customer, sku, quantity: 5, async order =>
        {
            using var answer = await shop.Customer.SendAsync(HttpMethod.Post, "orders", $"/v1/orders/{order}/cancel", new { reason = "ordered twice" });
            answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        });

        (await shop.OrderIs(order, "cancelled")).GetProperty("reason").GetString()!.ShouldContain("ordered twice");

        (await shop.StockOf(sku)).GetProperty("available").GetInt32().ShouldBe(5);
        (await shop.PaymentsOf(order)).ShouldAllBe(status => status == "voided" || status == "refunded" || status == "declined");
        await Told(order, "shop.order.cancelled.v1");
    }

    [Fact]
    public async Task Fail_when_a_step_takes_too_long_and_leave_nothing_reserved()
    {
        var sku = await shop.ProductAsync(stock: 4);
        Guid order;
        using (shop.Cluster.Of("inventory")[0].Frozen())
        {
            order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 4));
            await Poll.UntilAsync(
                async () => (await shop.StateOf(order)).Contains("Reserving", StringComparison.OrdinalIgnoreCase),
                $"the saga of {order} to ask for stock",
                RunningShop.Patience);
            await shop.BringDeadlineForwardAsync(order);
            await Poll.UntilAsync(
                async () => !(await shop.StateOf(order)).Contains("Reserving", StringComparison.OrdinalIgnoreCase),
                $"the saga of {order} to give up",
                RunningShop.Patience);
        }

        (await shop.OrderIs(order, "failed")).GetProperty("reason").GetString()!.ShouldStartWith("timed_out:");
        (await shop.StockOf(sku)).GetProperty("available").GetInt32().ShouldBe(4);
    }

    [Fact]
    public async Task Are_accepted_while_inventory_is_down_and_fulfilled_when_it_is_back()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var inventory = shop.Cluster.Of("inventory")[0];
        await inventory.StopAsync();
        Guid order;
        try
        {
            order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
            (await shop.Customer.GetAsync("orders", $"/v1/orders/{order}")).GetProperty("status").GetString().ShouldBe("submitted");
        }
        finally
        {
            inventory.Start();
            await inventory.WaitUntilReadyAsync();
        }

        await shop.OrderIs(order, "completed");
    }

    [Fact]
    public async Task Are_placed_once_however_often_the_client_asks()
    {
        var sku = await shop.ProductAsync(stock: 10);
        var body = ShopClient.OrderBody("pm_card_visa", (sku, 1));
        var key = Guid.NewGuid().ToString();

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => shop.Customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", body, key)));
        answers.ShouldAllBe(a => a.StatusCode == HttpStatusCode.Created || a.StatusCode == HttpStatusCode.Conflict);
        using var again = await shop.Customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", body, key);
        again.StatusCode.ShouldBe(HttpStatusCode.Created);
        again.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);

        var ids = new HashSet<Guid>();
        foreach (var answer in answers.Append(again).Where(a => a.StatusCode == HttpStatusCode.Created))
        {
            ids.Add((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid());
        }

        var order = ids.ShouldHaveSingleItem();
        await shop.OrderIs(order, "completed");
        (await shop.StockOf(sku)).GetProperty("shipped").GetInt32().ShouldBe(1);
        using var other = await shop.Customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", ShopClient.OrderBody("pm_card_visa", (sku, 2)), key);
        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Of_somebody_else_cannot_be_seen()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
        using var stranger = await ShopClient.RegisterAsync(shop.Cluster, "eve");
        foreach (var path in (string[])[$"/v1/orders/{order}", $"/v1/orders/{order}/events", $"/v1/orders/{order}/fulfilment"])
        {
            using var answer = await stranger.SendAsync(HttpMethod.Get, "orders", path);
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }

        await shop.OrderIs(order, "completed");
    }

    [Fact]
    public async Task Of_a_deactivated_customer_are_cancelled()
    {
        var sku = await shop.ProductAsync(stock: 2);
        using var customer = await ShopClient.RegisterAsync(shop.Cluster, "tom");
        var order = await shop.OrderHeldAtItsPaymentAsync(
            customer, sku, quantity: 2, _ => shop.Operator.PostAsync("users", $"/v1/users/{customer.UserId}/deactivate", new { reason = "fraud" }));

        await Poll.UntilAsync(
            async () => (await shop.Operator.GetAsync("orders", $"/v1/orders/{order}")).GetProperty("status").GetString() == "cancelled",
            $"order {order} to be cancelled",
            RunningShop.Patience);
        (await shop.StockOf(sku)).GetProperty("available").GetInt32().ShouldBe(2);
    }

    private async Task Told(Guid order, params string[] types)
    {
        foreach (var type in types)
        {
            await shop.Broker.HearAsync(type, order.ToString());
        }

        // Nothing was told twice.
        shop.Broker.Heard.Where(d => d.Subject == order.ToString()).GroupBy(d => d.Type).ShouldAllBe(g => g.Count() == 1);
    }

    /// <summary>One mail per template, and not one more.</summary>
    private async Task Mailed(Guid order, int mails)
    {
        var sent = await Poll.UntilAsync(
            async () => (await shop.Operator.GetAsync("notifications", $"/v1/notifications?orderId={order}")).GetProperty("items").EnumerateArray().ToList(),
            items => items.Count >= mails && items.All(m => m.GetProperty("status").GetString() == "sent"),
            $"{mails} mails about {order}",
            RunningShop.Patience);
        sent.Select(m => m.GetProperty("template").GetString()).ShouldBeUnique();
    }
}
