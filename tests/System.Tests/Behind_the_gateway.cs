using System.Net.Http.Headers;
using Chassis.Testing;
using Shop.Cluster;

namespace Shop.SystemTests;

/// <summary>Two replicas of each service, one address for both.</summary>
public sealed class Behind_the_gateway
{
    [Fact]
    public async Task Orders_go_on_and_are_watched_while_a_replica_dies()
    {
        await using var cluster = await ShopCluster.StartAsync(new ClusterOptions { Replicas = 2, Gateway = true });
        using var staff = await ShopClient.OperatorAsync(cluster);
        using var customer = await ShopClient.RegisterAsync(cluster, "watcher");
        var sku = $"sku-{Guid.NewGuid():n}";
        await staff.StockAsync(sku, 100);
        await Poll.UntilAsync(
            async () => (await customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", ShopClient.OrderBody("pm_card_visa", (sku, 1)), Guid.NewGuid().ToString())).IsSuccessStatusCode,
            "orders to know the product");

        cluster.Of("orders")[0].Kill();
        for (var i = 0; i < 5; i++)
        {
            var order = (await customer.PostAsync("orders", "/v1/orders", ShopClient.OrderBody("pm_card_visa", (sku, 1)))).GetProperty("id").GetGuid();
            (await SeenAsync(cluster, customer, order)).ShouldContain("\"status\":\"completed\"");
        }
    }

    private static async Task<string> SeenAsync(ShopCluster cluster, ShopClient customer, Guid order)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(5) };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cluster.AddressOf("orders"), $"/v1/orders/{order}/stream"));
        request.Headers.Authorization = customer.Authorization;
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        using var answer = await http.SendAsync(request);      // ends with the order
        return await answer.Content.ReadAsStringAsync();
    }
}
