using System.Text;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using Contracts.Generator;
using Services;
using Shop.Cluster;
using Shop.Contracts;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>What leaves the services, as an outsider receives it.</summary>
public sealed class Boundary_events(RunningShop shop)
{
    [Fact]
    public async Task Are_understood_outside_of_dotnet_one_and_all()
    {
        await OutsideConsumer.PrepareAsync();
        // Queues of its own as a partner has, and every event, which no partner hears.
        var account = $"partner.t{Guid.CreateVersion7():n}";
        var own = $"^{account.Replace(".", @"\.", StringComparison.Ordinal)}\\.";
        var broker = (await shop.Cluster.Vhost.CreateUserAsync(own, own, $"{own}|^shop\\.", account)).AbsoluteUri;
        using var node = await OutsideConsumer.StartAsync("node", "node/consume.mjs", broker);
        using var python = await OutsideConsumer.StartAsync(OutsideConsumer.Python, "python/consume.py", broker);

        var about = await Journey.TravelAsync(shop);

        var all = ShopContracts.Catalogue.All.Select(e => e.Type).ToHashSet();
        foreach (var consumer in (OutsideConsumer[])[node, python])
        {
            await Poll.UntilAsync(
                () => Task.FromResult(all.Except(consumer.Messages.Select(m => m.GetProperty("type").GetString()!)).ToList()),
                missing => missing.Count == 0,
                "every event to be heard outside",
                RunningShop.Patience);
            consumer.Messages.Where(m => m.GetProperty("wrong").GetArrayLength() > 0).Select(m => m.ToString()).Distinct().Take(10).ShouldBeEmpty();
            (await consumer.EndAsync()).ShouldBe(0);
        }

        // Each came by its own exchange and by the topic exchange, as the same event.
        var byQueue = node.Messages.ToLookup(m => m.GetProperty("queue").GetString(), m => m.GetProperty("id").GetString());
        byQueue[$"{account}.node.all"]
            .ToHashSet()
            .SetEquals(byQueue[$"{account}.node.each"])
            .ShouldBeTrue("the fanout exchanges and the topic exchange carry the same events.");

        var different = new List<string>();
        foreach (var type in all.Order(StringComparer.Ordinal))
        {
            var heard = Snapshot.Of(Best(type, about));
            if (!Snapshot.Update(type, heard) && heard != Snapshot.Committed(type))
            {
                different.Add($"{type}\n--- committed\n{Snapshot.Committed(type)}\n--- on the wire\n{heard}");
            }
        }

        different.ShouldBeEmpty($"a producer puts other bytes on the wire than the committed ones. If that is meant, run this test with UPDATE_SNAPSHOTS=1.\n{string.Join('\n', different)}");
    }

    [Fact]
    public async Task Reach_the_queues_that_the_documents_name()
    {
        // What the webhooks' queue takes follows the webhooks that there are.
        const string webhooks = "notifications.webhooks";
        var reached = await shop.Broker.SubscriptionsAsync();
        var bound = reached.Where(
            q => q.Key != webhooks && !q.Key.StartsWith("outside.", StringComparison.Ordinal) && !q.Key.StartsWith("shop.", StringComparison.Ordinal))
            .Select(q => $"{q.Key}: {string.Join(", ", q.Order(StringComparer.Ordinal))}").Order(StringComparer.Ordinal);
        var documented = Service.Of(Repository.Root).SelectMany(s => s.Listens).Where(s => s.Queue != webhooks)
            .Select(s => $"{s.Queue}: {string.Join(", ", ShopContracts.Catalogue.All.Select(e => e.Type).Where(s.Covers))}").Order(StringComparer.Ordinal);
        bound.Except(documented)
            .Select(q => $"on the broker, {q}")
            .Concat(documented.Except(bound).Select(q => $"in the documents, {q}"))
            .ShouldBeEmpty("who listens to what stands in services/<name>/service.json; run the generator of the contracts after a change of it.");
    }

    [Fact]
    public async Task Are_described_by_every_service()
    {
        foreach (var service in ShopCluster.ServiceNames)
        {
            using var anonymous = ShopClient.Anonymous(shop.Cluster);
            using var page = await anonymous.SendAsync(HttpMethod.Get, service, "/asyncapi");
            page.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
            (await page.Content.ReadAsStringAsync()).ShouldContain($"<body data-service=\"{service}\">");
            using var document = await anonymous.SendAsync(HttpMethod.Get, service, "/asyncapi.yaml");
            (await document.Content.ReadAsStringAsync()).ShouldStartWith("#");
        }
    }

    [Fact]
    public async Task Are_replayed_to_one_queue_and_to_nobody_else()
    {
        var sku = await shop.ProductAsync(stock: 1);
        var from = TimeProvider.System.GetUtcNow().AddSeconds(-1);
        var order = await shop.Customer.OrderAsync("pm_card_visa", (sku, 1));
        await shop.OrderIs(order, "completed");
        await shop.Broker.HearAsync("shop.order.completed.v1", order.ToString());
        var first = shop.Broker.Heard.Where(d => d.Subject == order.ToString()).ToList();
        var archived = await Poll.UntilAsync(
            async () => (await shop.Operator.GetAsync("orders", $"/v1/ops/boundary-events?subject={order}")).GetProperty("items").EnumerateArray().ToList(),
            items => items.Count == first.Count(d => d.Type.StartsWith("shop.order.", StringComparison.Ordinal)),
            $"the archive to hold every event about {order}",
            RunningShop.Patience);
        archived.Count.ShouldBe(5);

        await using var view = await shop.Broker.OpenQueueAsync("orders.view-of-a-test");
        await shop.Operator.PostAsync(
            "orders",
            "/v1/ops/boundary-events/replay",
            new { from, types = first.Select(d => d.Type).Where(t => t.StartsWith("shop.order.", StringComparison.Ordinal)), destination = view.Queue });

        await Poll.UntilAsync(
            () => view.Heard.Count(d => d.Subject == order.ToString()) == 5, $"five events about {order} to be replayed", RunningShop.Patience);
        foreach (var again in view.Heard.Where(d => d.Subject == order.ToString()))
        {
            var original = first.Single(d => d.Type == again.Type);
            again.Headers[CloudEventHeaders.Replay].ShouldBe("true");
            again.Headers[CloudEventHeaders.Id].ShouldBe(original.Headers[CloudEventHeaders.Id]);
            again.Headers[CloudEventHeaders.Sequence].ShouldBe(original.Headers[CloudEventHeaders.Sequence]);
            again.Body.ShouldBe(original.Body);
        }

        shop.Broker.Heard.Count(d => d.Subject == order.ToString()).ShouldBe(first.Count, "a replay reaches nobody but the queue that asked for it.");
    }

    [Fact]
    public async Task Have_a_document_that_the_official_parser_accepts_and_schemas_that_say_what_the_services_check()
    {
        await OutsideConsumer.PrepareAsync();
        var corpus = Corpus.Lines().ToList();
        foreach (var (program, script) in new[] { ("node", "node/check-contracts.mjs"), (OutsideConsumer.Python, "python/check_contracts.py") })
        {
            var (exitCode, output) = await OutsideConsumer.RunAsync(program, script, corpus);
            exitCode.ShouldBe(0, output);
            JsonElement.Parse(output).GetProperty("verdicts").GetInt32().ShouldBe(corpus.Count);
        }
    }

    /// <summary>The delivery of the journey that shows most of its type: the one with the most members, and of those the first.</summary>
    private Delivery Best(string type, IReadOnlyList<string> about) =>
        shop.Broker.Heard.Where(d => d.Type == type)
            .Select(d => (Delivery: d, Text: Encoding.UTF8.GetString(d.Body)))
            .Where(d => about.Any(id => d.Text.Contains(id, StringComparison.Ordinal)))
            .MaxBy(d => d.Delivery.Json.EnumerateObject().Count()).Delivery;
}
