using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>The right to be forgotten, over every database and every log of the system, while the books still balance.</summary>
public sealed class When_a_person_is_erased(RunningShop shop)
{
    [Fact]
    public async Task Nothing_is_found_of_the_person_and_the_orders_still_add_up()
    {
        var name = $"Brightwater-{Guid.NewGuid().ToString("n")[..12]}";
        var street = $"{Guid.NewGuid():n} Lavender Lane";
        using var person = await ShopClient.RegisterAsync(shop.Cluster, name);
        var email = (await person.GetAsync("users", "/v1/users/me")).GetProperty("email").GetString()!;
        var sku = await shop.ProductAsync(stock: 10);
        var completed = await PlaceAsync(person, "pm_card_visa", sku, 2, name, street);
        var failed = await PlaceAsync(person, "pm_card_declined", sku, 1, name, street);
        await StatusAsync(completed, "completed");
        await StatusAsync(failed, "failed");
        foreach (var other in IJourney.All)
        {
            await other.LeaveTraceAsync(person, street);
        }

        await person.CallAsync(HttpMethod.Put, "users", $"/v1/users/{person.UserId}/email", new { email = "new." + email });
        using var again = await ShopClient.SignInAsync(shop.Cluster, "new." + email, ShopClient.Password);
        await Poll.UntilAsync(() => shop.Cluster.Database("notifications").FindAsync(email), t => t.Count > 0, "mails about the person", RunningShop.Patience);

        var order = await shop.Operator.GetAsync("orders", $"/v1/orders/{completed}");

        // Sales follow the orders; once they have caught up with this one they stay as they are.
        var sales = await Poll.UntilAsync(() => SalesAsync(sku), found => found is not null, "the sale to be counted", RunningShop.Patience);
        var stock = await shop.StockOf(sku);

        await again.CallAsync(HttpMethod.Delete, "users", $"/v1/users/{person.UserId}");

        foreach (var trace in (string[])[name, email, street])
        {
            foreach (var service in ShopCluster.ServiceNames)
            {
                await Poll.UntilAsync(
                    () => shop.Cluster.Database(service).FindAsync(trace),
                    tables => tables.Count == 0,
                    $"nothing in the database of {service} to say '{trace}'",
                    RunningShop.Patience);
            }

            shop.Cluster.All.SelectMany(r => r.Log).Where(line => line.Contains(trace, StringComparison.OrdinalIgnoreCase)).ShouldBeEmpty();
        }

        var afterwards = await shop.Operator.GetAsync("orders", $"/v1/orders/{completed}");
        afterwards.GetProperty("status").GetString().ShouldBe("completed");
        afterwards.GetProperty("total").GetRawText().ShouldBe(order.GetProperty("total").GetRawText());
        afterwards.GetProperty("items").GetRawText().ShouldBe(order.GetProperty("items").GetRawText());
        (await SalesAsync(sku)).ShouldBe(sales);
        (await shop.StockOf(sku)).GetRawText().ShouldBe(stock.GetRawText());
        (await shop.PaymentsOf(completed)).ShouldBe(["captured"]);
        (await shop.Operator.GetAsync("orders", $"/v1/orders/{completed}/events")).GetProperty("items").GetArrayLength().ShouldBeGreaterThan(3);
        foreach (var service in ShopCluster.ServiceNames)
        {
            (await shop.DeadLettersOf(service)).Where(d => d.GetRawText().Contains(name, StringComparison.Ordinal)).ShouldBeEmpty();
        }
    }

    private static async Task<Guid> PlaceAsync(ShopClient person, string card, string sku, int quantity, string name, string street) =>
        (await person.PostAsync("orders", "/v1/orders", new
        {
            items = new[] { new { sku, quantity } },
            submit = new { paymentMethod = card, shippingAddress = new { name, line1 = street, city = "Berlin", postalCode = "10115", country = "DE" } },
        }, Guid.NewGuid().ToString())).GetProperty("id").GetGuid();

    private Task<JsonElement> StatusAsync(Guid order, string status) => Poll.UntilAsync(
        () => shop.Operator.GetAsync("orders", $"/v1/orders/{order}"),
        o => o.GetProperty("status").GetString() == status,
        $"order {order} to be {status}",
        RunningShop.Patience);

    private async Task<string?> SalesAsync(string sku)
    {
        var sales = await shop.Operator.GetAsync("orders", "/v1/statistics/sales?groupBy=product");
        return sales.GetProperty("items").EnumerateArray()
            .Where(product => product.GetProperty("sku").GetString() == sku)
            .Select(product => product.GetRawText())
            .SingleOrDefault();
    }
}
