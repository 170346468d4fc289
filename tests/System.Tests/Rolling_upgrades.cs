using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Contracts.Events;
using Contracts.Generator;
using Shop.Cluster;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;
using Shop.SystemTests.Running;
using V2 = Shop.Contracts.Orders.V2;

namespace Shop.SystemTests;

/// <summary>Old and new releases side by side: messages of later versions, of earlier ones, and of both at once.</summary>
public sealed class Rolling_upgrades(RunningShop shop)
{
    /// <summary>Ids of what a test has published: others publish beside it, and what they publish may be meant to be refused.</summary>
    private readonly HashSet<string> _published = [];

    [Fact]
    public async Task Messages_of_a_later_minor_version_are_understood()
    {
        var user = Guid.NewGuid();
        var sku = $"LATER-{user:n}";
        await Publish(new UserRegistered(user, $"{user:n}@example.com", "Ada Later", "web", TimeProvider.System.GetUtcNow()), user.ToString(), later: true);
        await Publish(new ProductAdded(sku, "Product of a later version", new Money(5m, "EUR"), [], TimeProvider.System.GetUtcNow()), sku, later: true);

        await WelcomeMailTo(user);
        await Poll.UntilAsync(async () => await shop.Customer.TryOrderAsync(sku), $"{sku} in the catalogue of orders", RunningShop.Patience);
    }

    [Fact]
    public async Task Every_message_that_was_ever_published_is_still_let_in()
    {
        foreach (var (type, file, body) in Output.Locate().Samples().Where(s => ShopContracts.Catalogue.Find(s.Type) is not null))
        {
            var subject = $"history-{file}";
            await shop.Broker.PublishEventAsync(type, subject, Encoding.UTF8.GetBytes(body), Id(), sequence: 1);
            await shop.Broker.PublishEventAsync(type, subject, Later(body), Id(), sequence: 2);
        }

        // A registration sent after all of them has been worked through by the same queues.
        var user = Guid.NewGuid();
        await Publish(new UserRegistered(user, $"{user:n}@example.com", "Ada Last", "web", TimeProvider.System.GetUtcNow()), user.ToString(), later: false);
        await WelcomeMailTo(user);
        _published.Count.ShouldBeGreaterThan(20);
        (await Refused()).ShouldBeEmpty("no service refuses what its own schemas allow.");
    }

    [Fact]
    public async Task Two_versions_of_one_event_side_by_side_have_one_effect()
    {
        var (user, order) = (Guid.NewGuid(), Guid.NewGuid());
        var time = TimeProvider.System.GetUtcNow();
        await Publish(new UserRegistered(user, $"{user:n}@example.com", "Ada Both", "web", time), user.ToString(), later: false);
        await WelcomeMailTo(user);

        await Publish(new OrderSubmitted(order, user, [new SubmittedLine("MUG", 1, 5m)], 5m, time), order.ToString(), later: false);
        await Publish(
            new V2.OrderSubmitted(order, user, [new OrderLine("MUG", "Mug", 1, new Money(5m, "EUR"))], new Money(5m, "EUR"), "DE", time),
            order.ToString(),
            later: true);
        await Publish(
            new OrderConfirmed(order, user, [new OrderLine("MUG", "Mug", 1, new Money(5m, "EUR"))], new Money(5m, "EUR"), time),
            order.ToString(),
            later: false);

        var mails = await Poll.UntilAsync(
            async () => (await shop.Operator.GetAsync("notifications", $"/v1/notifications?orderId={order}")).GetProperty("items").EnumerateArray().ToList(),
            items => items.Count > 0,
            $"a mail about {order}",
            RunningShop.Patience);
        mails.Select(m => m.GetProperty("template").GetString()).ShouldBeUnique();
    }

    [Fact]
    public async Task An_event_that_nobody_here_knows_yet_harms_nobody()
    {
        const string type = "shop.order.gift-wrapped.v1";
        await shop.Broker.SendAsync(ShopContracts.Exchanges.AllEvents, type, """{"orderId":"x"}"""u8.ToArray(), "application/json", new CloudEventEnvelope(
            Id(), ShopContracts.Catalogue.SourceOf("tests"), type, TimeProvider.System.GetUtcNow(), "x").ToHeaders());
        var user = Guid.NewGuid();
        await Publish(new UserRegistered(user, $"{user:n}@example.com", "Ada After", "web", TimeProvider.System.GetUtcNow()), user.ToString(), later: false);
        await WelcomeMailTo(user);
        (await Refused()).ShouldBeEmpty();
    }

    private Task Publish(object message, string subject, bool later)
    {
        var descriptor = ShopContracts.Catalogue.Find(message.GetType())!;
        var body = JsonSerializer.Serialize(message, descriptor.ClrType, ContractJson.Options);
        return shop.Broker.PublishEventAsync(descriptor.Type, subject, later ? Later(body) : Encoding.UTF8.GetBytes(body), Id(), sequence: 1);
    }

    private string Id()
    {
        var id = Guid.NewGuid().ToString();
        _published.Add(id);
        return id;
    }

    /// <summary>The same message from a release that has added members everywhere.</summary>
    private static byte[] Later(string body)
    {
        var node = JsonNode.Parse(body)!;
        Grow(node);
        return Encoding.UTF8.GetBytes(node.ToJsonString());

        static void Grow(JsonNode node)
        {
            switch (node)
            {
                case JsonObject o:
                    foreach (var value in o.Select(p => p.Value).OfType<JsonNode>().ToList())
                    {
                        Grow(value);
                    }

                    o.Insert(0, "addedLater", new JsonObject { ["list"] = new JsonArray(1, "two", null) });
                    break;
                case JsonArray a:
                    foreach (var value in a.OfType<JsonNode>())
                    {
                        Grow(value);
                    }

                    break;
            }
        }
    }

    private Task WelcomeMailTo(Guid user) =>
        Poll.UntilAsync(
            async () => (await shop.Operator.GetAsync("notifications", $"/v1/notifications?userId={user}")).GetProperty("items").GetArrayLength() > 0,
            $"a welcome mail to {user}",
            RunningShop.Patience);

    /// <summary>What the services refused because of its form; a failure of a handler is no matter of versions.</summary>
    private async Task<IReadOnlyList<string>> Refused()
    {
        var refused = new List<string>();
        foreach (var service in ShopCluster.ServiceNames)
        {
            refused.AddRange((await shop.DeadLettersOf(service))
                .Where(l => _published.Contains(l.GetProperty("messageId").GetString()!) && l.GetProperty("reason").GetString() is ("invalid" or "skipped"))
                .Select(l => string.Create(CultureInfo.InvariantCulture, $"{service} {l}")));
        }

        return refused;
    }
}
