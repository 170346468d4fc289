using System.Text;
using Chassis.Testing;
using Contracts.Generator;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>What no consumer can read ends in the dead letters with its reason, at once, and holds up nothing behind it.</summary>
public sealed class Poison(RunningShop shop)
{
    [Fact]
    public async Task Is_put_aside_by_every_queue_and_orders_go_on()
    {
        var queues = (await shop.Broker.QueuesAsync()).Where(q => !q.EndsWith(".dead-letters", StringComparison.Ordinal)).ToList();
        queues.ShouldContain("orders.fulfilment");
        queues.ShouldContain("inventory.commands");
        foreach (var queue in queues)
        {
            await shop.Broker.SendAsync("", queue, "{ \"this is\": not json"u8.ToArray(), "application/json", [KeyValuePair.Create("planted", "malformed")]);
            await shop.Broker.SendAsync("", queue, "{}"u8.ToArray(), null, [KeyValuePair.Create("planted", "untyped")]);
            await shop.Broker.SendAsync("", queue, "<order/>"u8.ToArray(), "application/xml", [KeyValuePair.Create("planted", "foreign")]);
        }

        foreach (var queue in queues)
        {
            var service = queue[..queue.IndexOf('.', StringComparison.Ordinal)];
            var letters = await Poll.UntilAsync(
                async () => (await shop.DeadLettersOf(service)).Where(l => l.GetProperty("queue").GetString() == queue).ToList(),
                found => found.Count >= 3,
                $"three dead letters of {queue}",
                RunningShop.Patience);
            letters.ShouldAllBe(l => l.GetProperty("reason").GetString()!.Length > 0);
        }

        var sku = await shop.ProductAsync(stock: 1);
        await shop.OrderIs(await shop.Customer.OrderAsync("pm_card_visa", (sku, 1)), "completed");
    }

    [Theory]
    [InlineData("shop.user.registered.v1", "\"email\"", "\"mail\"", "/email is required")]
    [InlineData("shop.product.added.v1", "\"currency\": \"EUR\"", "\"currency\": \"euro\"", "/price/currency must match")]
    [InlineData("shop.stock.reserved.v1", "\"quantity\": 2", "\"quantity\": 0", "/items/0/quantity must be at least 1")]
    [InlineData("shop.order.shipped.v1", "\"carrier\": \"DHL\"", "\"carrier\": 7", "/carrier must be a string")]
    public async Task Of_a_known_type_says_what_is_wrong_with_it(string type, string good, string bad, string reason)
    {
        var sample = Output.Locate().Samples().First(s => s.Type == type && !s.File.Contains("minimal", StringComparison.Ordinal));
        sample.Body.ShouldContain(good);
        var subject = $"poison-{Guid.NewGuid()}";
        await shop.Broker.PublishEventAsync(type, subject, Encoding.UTF8.GetBytes(sample.Body.Replace(good, bad, StringComparison.Ordinal)));

        var subscribers = (await shop.Broker.SubscriptionsAsync())
            .Where(q => q.Contains(type) && !q.Key.StartsWith("outside.", StringComparison.Ordinal))
            .Select(q => q.Key[..q.Key.IndexOf('.', StringComparison.Ordinal)])
            .Distinct();
        var found = await Poll.UntilAsync(
            async () =>
            {
                foreach (var service in subscribers)
                {
                    foreach (var letter in await shop.DeadLettersOf(service))
                    {
                        var detail = await shop.Operator.GetAsync(service, $"/v1/ops/dead-letters/{letter.GetProperty("id").GetString()}");
                        if (detail.GetRawText().Contains(subject, StringComparison.Ordinal))
                        {
                            return detail.GetRawText();
                        }
                    }
                }

                return null;
            },
            $"a dead letter about {subject}",
            RunningShop.Patience);
        found.ShouldContain(reason);
    }
}
