using Chassis.Testing;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>kill -9 while orders are on their way: nothing is lost, nothing happens twice.</summary>
public sealed class When_a_process_is_killed(RunningShop shop)
{
    private const int Orders = 6;

    [Theory]
    [InlineData("orders")]
    [InlineData("inventory")]
    [InlineData("notifications")]
    [InlineData("users")]
    [InlineData("payment-sandbox")]
    public async Task Every_accepted_order_still_ends_as_it_should(string service)
    {
        var sku = await shop.ProductAsync(stock: 100);
        var victim = shop.Cluster.Of(service)[0];
        var orders = new List<Guid>();
        for (var i = 0; i < Orders; i++)
        {
            orders.Add(await shop.Customer.OrderAsync(i % 3 == 2 ? "pm_card_declined" : "pm_card_visa", (sku, 1)));
        }

        victim.Kill();
        victim.Start();
        await victim.WaitUntilReadyAsync();

        for (var i = 0; i < Orders; i++)
        {
            await shop.OrderIs(orders[i], i % 3 == 2 ? "failed" : "completed", TimeSpan.FromSeconds(120));
        }

        var stock = await Poll.UntilAsync(
            () => shop.StockOf(sku), s => s.GetProperty("reserved").GetInt32() == 0, $"no reservation of {sku} to be left", RunningShop.Patience);
        stock.GetProperty("onHand").GetInt32().ShouldBe(100 - (Orders * 2 / 3));
        stock.GetProperty("shipped").GetInt32().ShouldBe(Orders * 2 / 3);
        // A mail that the killed process had claimed waits for the end of its claim before another takes it.
        foreach (var order in orders)
        {
            await Poll.UntilAsync(
                async () => (await shop.Operator.GetAsync("notifications", $"/v1/notifications?orderId={order}"))
                    .GetProperty("items")
                    .EnumerateArray()
                    .ToList(),
                mails => mails.Count > 0 && mails.All(m => m.GetProperty("status").GetString() == "sent")
                    && mails.Select(m => m.GetProperty("template").GetString()).Distinct().Count() == mails.Count,
                $"every mail about {order}, each once",
                TimeSpan.FromSeconds(120));
        }
    }

    [Fact]
    public async Task An_answer_that_the_client_never_got_can_be_asked_for_again()
    {
        var sku = await shop.ProductAsync(stock: 10);
        var body = Shop.Cluster.ShopClient.OrderBody("pm_card_visa", (sku, 1));
        var key = Guid.NewGuid().ToString();
        var replica = shop.Cluster.Of("orders")[0];
        var lost = shop.Customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", body, key);
        replica.Kill();
        await Task.WhenAny(lost);
        replica.Start();
        await replica.WaitUntilReadyAsync();

        var order = (await shop.Customer.PostAsync("orders", "/v1/orders", body, key)).GetProperty("id").GetGuid();
        await shop.OrderIs(order, "completed");
        (await shop.StockOf(sku)).GetProperty("shipped").GetInt32().ShouldBe(1);
    }
}
