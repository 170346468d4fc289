using System.Text.RegularExpressions;
using Chassis.Testing;
using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>Everything that can happen in the shop, once: it makes every boundary event that there is.</summary>
public static partial class Journey
{
    /// <returns>The ids of what it was about: orders, users, products, and the service that stopped and started.</returns>
    public static async Task<IReadOnlyList<string>> TravelAsync(RunningShop shop)
    {
        var about = new List<string> { "\"service\":\"notifications\"" };
        await OrdersAsync(shop, about);
        await UsersAsync(shop, about);
        await ProductsAsync(shop, about);
        foreach (var other in IJourney.All)
        {
            await other.TravelAsync(shop, about);
        }

        var notifications = shop.Cluster.Of("notifications")[0];
        await notifications.StopAsync();
        notifications.Start();
        await notifications.WaitUntilReadyAsync();
        return about;
    }

    private static async Task OrdersAsync(RunningShop shop, List<string> about)
    {
        var sku = await shop.ProductAsync(stock: 9);
        about.Add(sku);
        await OrderAsync(shop, about, "pm_card_visa", sku, 1, "completed");
        await OrderAsync(shop, about, "pm_card_declined", sku, 1, "failed");
        await OrderAsync(shop, about, "pm_card_visa", sku, 1000, "failed");
        var cancelled = await shop.OrderHeldAtItsPaymentAsync(
            shop.Customer, sku, quantity: 1, order => shop.Customer.PostAsync("orders", $"/v1/orders/{order}/cancel", new { reason = "ordered twice" }));
        about.Add(cancelled.ToString());
        await shop.OrderIs(cancelled, "cancelled");
    }

    private static async Task OrderAsync(RunningShop shop, List<string> about, string card, string sku, int quantity, string end)
    {
        var order = await shop.Customer.OrderAsync(card, (sku, quantity));
        about.Add(order.ToString());
        await shop.OrderIs(order, end);
    }

    private static async Task UsersAsync(RunningShop shop, List<string> about)
    {
        using var user = await ShopClient.RegisterAsync(shop.Cluster, "mary");
        about.Add(user.UserId.ToString());
        await user.CallAsync(HttpMethod.Patch, "users", $"/v1/users/{user.UserId}", new { fullName = "Mary Somerville" });
        await user.PostAsync("users", $"/v1/users/{user.UserId}/email-verification");
        var email = (await user.GetAsync("users", "/v1/users/me")).GetProperty("email").GetString()!;
        await user.PostAsync("users", "/v1/email-verifications/complete", new { ticket = await TicketMailedToAsync(email) });
        using var elsewhere = await ShopClient.SignInAsync(shop.Cluster, email, ShopClient.Password);
        var latest = (await user.GetAsync("users", $"/v1/users/{user.UserId}/sessions"))[0].GetProperty("id").GetGuid();
        await user.CallAsync(HttpMethod.Delete, "users", $"/v1/users/{user.UserId}/sessions/{latest}");
        await user.CallAsync(HttpMethod.Put, "users", $"/v1/users/{user.UserId}/email", new { email = $"mary-{user.UserId:n}@example.com" });
        await shop.Operator.PostAsync("users", $"/v1/users/{user.UserId}/deactivate", new { reason = "asked for it" });
        await shop.Operator.PostAsync("users", $"/v1/users/{user.UserId}/reactivate");
        await shop.Operator.CallAsync(HttpMethod.Delete, "users", $"/v1/users/{user.UserId}");
    }

    /// <summary>What the link in a mail to an address carries.</summary>
    private static async Task<string> TicketMailedToAsync(string address)
    {
        using var catcher = new HttpClient { BaseAddress = TestServers.MailApi };
        var mail = await Poll.UntilAsync(
            () => catcher.GetStringAsync(new Uri($"api/email?to.address={Uri.EscapeDataString(address)}", UriKind.Relative)),
            mails => Ticket().IsMatch(mails), $"a mail with a link to {address}", RunningShop.Patience);
        return Ticket().Match(mail).Groups[1].Value;
    }

    [GeneratedRegex(@"\#ticket=([\w-]{43})")]
    private static partial Regex Ticket();

    private static async Task ProductsAsync(RunningShop shop, List<string> about)
    {
        var sku = $"LOW-{Guid.NewGuid():n}";
        about.Add(sku);
        await shop.Operator.PostAsync(
            "inventory", "/v1/products", new { sku, name = "Nearly gone", price = new { amount = "5.00", currency = "EUR" }, reorderPoint = 3 });
        await shop.Operator.PostAsync("inventory", $"/v1/products/{sku}/receipts", new { quantity = 4, reference = "delivery note 1" });
        await Poll.UntilAsync(() => shop.Customer.TryOrderAsync(sku), $"{sku} in the catalogue of orders", RunningShop.Patience);
        await OrderAsync(shop, about, "pm_card_visa", sku, 2, "completed");
        await shop.Operator.CallAsync(HttpMethod.Put, "inventory", $"/v1/products/{sku}/price", new { price = new { amount = "6.00", currency = "EUR" } });
        await shop.Operator.CallAsync(HttpMethod.Delete, "inventory", $"/v1/products/{sku}");
    }
}
