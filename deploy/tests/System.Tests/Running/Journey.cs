using Chassis.Testing;
using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>Everything that can happen in the shop, once: it makes every boundary event that there is.</summary>
public static class Journey
{
    public static async Task TravelAsync(RunningShop shop)
    {
        await OrdersAsync(shop);
        await UsersAsync(shop);
        await ProductsAsync(shop);

        var notifications = shop.Cluster.Of("notifications")[0];
        await notifications.StopAsync();
        notifications.Start();
        await notifications.WaitUntilReadyAsync();
    }

    private static async Task OrdersAsync(RunningShop shop)
    {
        var sku = await shop.ProductAsync(stock: 9);
        await shop.OrderIs(await shop.Customer.OrderAsync("pm_card_visa", (sku, 1)), "completed");
        await shop.OrderIs(await shop.Customer.OrderAsync("pm_card_declined", (sku, 1)), "failed");
        await shop.OrderIs(await shop.Customer.OrderAsync("pm_card_visa", (sku, 1000)), "failed");
        var cancelled = await shop.Customer.OrderAsync("pm_card_slow", (sku, 1));
        await shop.Customer.PostAsync("orders", $"/v1/orders/{cancelled}/cancel", new { reason = "ordered twice" });
        await shop.OrderIs(cancelled, "cancelled");
    }

    private static async Task UsersAsync(RunningShop shop)
    {
        using var user = await ShopClient.RegisterAsync(shop.Cluster, "mary");
        await user.CallAsync(HttpMethod.Patch, "users", $"/v1/users/{user.UserId}", new { fullName = "Mary Somerville" });
        await user.CallAsync(HttpMethod.Put, "users", $"/v1/users/{user.UserId}/email", new { email = $"mary-{user.UserId:n}@example.com" });
        await shop.Operator.PostAsync("users", $"/v1/users/{user.UserId}/deactivate", new { reason = "asked for it" });
        await shop.Operator.PostAsync("users", $"/v1/users/{user.UserId}/reactivate");
        await shop.Operator.CallAsync(HttpMethod.Delete, "users", $"/v1/users/{user.UserId}");
    }

    private static async Task ProductsAsync(RunningShop shop)
    {
        var sku = $"LOW-{Guid.NewGuid():n}";
        await shop.Operator.PostAsync("inventory", "/v1/products", new { sku, name = "Nearly gone", price = new { amount = "5.00", currency = "EUR" }, reorderPoint = 3 });
        await shop.Operator.PostAsync("inventory", $"/v1/products/{sku}/receipts", new { quantity = 4, reference = "delivery note 1" });
        await Poll.Until(() => shop.Customer.TryOrderAsync(sku), $"{sku} in the catalogue of orders", RunningShop.Patience);
        await shop.OrderIs(await shop.Customer.OrderAsync("pm_card_visa", (sku, 2)), "completed");
        await shop.Operator.CallAsync(HttpMethod.Put, "inventory", $"/v1/products/{sku}/price", new { price = new { amount = "6.00", currency = "EUR" } });
        await shop.Operator.CallAsync(HttpMethod.Delete, "inventory", $"/v1/products/{sku}");
    }
}
