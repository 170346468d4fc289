using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Users.V1;

namespace Shop.Chaos.Faults;

/// <summary>
/// Facts of one service told with the account of another, about what is really there: first as far as the rights of that account go, then for a moment with
/// every right, so that nobody but the consumers can tell. Each carries the mark of what is planted.
/// </summary>
public sealed class ForgeKit(Stage stage)
{
    /// <summary>A price that nothing has in a run.</summary>
    public const decimal Price = 0.01m;

    private readonly ConcurrentQueue<ForgedMessage> _planted = new();
    private readonly ConcurrentQueue<string> _letIn = new();

    /// <summary>Everything that the broker took.</summary>
    public IReadOnlyCollection<ForgedMessage> Planted => _planted;

    /// <summary>What it took though the account had no right to.</summary>
    public IReadOnlyCollection<string> LetIn => _letIn;

    /// <summary>Whose erasure was forged.</summary>
    public IReadOnlyCollection<Guid> Victims => [.. _planted.Select(p => p.Fact).OfType<UserErased>().Select(e => e.UserId).Distinct()];

    public async Task PlantAsync()
    {
        foreach (var fact in await FactsAsync())
        {
            var contract = ShopContracts.Catalogue.Find(fact.GetType())!;
            var queues = await QueuesOfAsync(contract.Type);
            foreach (var forger in Invariants.Oracle.ServiceNames.Where(s => s != contract.Publisher))
            {
                await using var connection = await new ConnectionFactory { Uri = stage.Cluster.BrokerOf(forger) }.CreateConnectionAsync();
                await WithoutRightsAsync(connection, forger, contract, fact);
                foreach (var queue in queues)
                {
                    // The one exchange that takes anybody's message for any queue.
                    await TellAsync(connection, forger, "shop.replay", queue, contract, fact, [queue]);
                }

                await using var _ = await stage.Cluster.Vhost.WidenAsync(forger, stage.Cluster.AccountOf(forger));
                await TellAsync(connection, forger, contract.Type, contract.Type, contract, fact, queues);
            }
        }
    }

    private async Task WithoutRightsAsync(IConnection connection, string forger, BoundaryEventDescriptor contract, object fact)
    {
        foreach (var exchange in (string[])[contract.Type, ShopContracts.Exchanges.AllEvents])
        {
            if (await TellAsync(connection, forger, exchange, contract.Type, contract, fact, []))
            {
                _letIn.Enqueue($"{forger} has published {contract.Type} to {exchange}");
            }
        }
    }

    /// <summary>Of what there is just now: a product, a customer and an order under way that would be much cheaper, gone, and shipped.</summary>
    private async Task<IReadOnlyList<object>> FactsAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var skus = await stage.RowsAsync("orders", "SELECT sku FROM catalogue_products ORDER BY sku LIMIT 2", r => r.GetString(0));
        var people = await stage.RowsAsync("orders", "SELECT user_id FROM catalogue_users WHERE status = 'active' ORDER BY user_id LIMIT 2", r => r.GetGuid(0));
        var waiting = await stage.RowsAsync(
            "orders", "SELECT id FROM orders WHERE status IN ('submitted', 'confirmed') ORDER BY id DESC LIMIT 2", r => r.GetGuid(0));
        return
        [
            .. skus.Select(sku => new ProductPriceChanged(sku, new Money(1, "EUR"), new Money(Price, "EUR"), now)),
            .. people.Select(person => new UserErased(person, now)),
            .. waiting.Select(order => new ShipmentDispatched(order, order, "Nobody", "FORGED", [new SkuQuantity("NOTHING", 1)], now)),
        ];
    }

    /// <summary>The queues of services that take events of this type.</summary>
    private async Task<string[]> QueuesOfAsync(string type)
    {
        var direct = (await stage.Cluster.Vhost.GetAsync($"exchanges/{type}/bindings/source")).EnumerateArray();
        var byPattern = (await stage.Cluster.Vhost.GetAsync($"exchanges/{ShopContracts.Exchanges.AllEvents}/bindings/source")).EnumerateArray().Where(
            b => Matches(b.GetProperty("routing_key").GetString()!, type));
        return
        [
            .. direct.Concat(byPattern).Select(b => b.GetProperty("destination").GetString()!)
                .Where(d => Invariants.Oracle.ServiceNames.Contains(d.Split('.')[0]) && d != "notifications.ignored").Distinct(),
        ];
    }

    // AMQP topics: a star is one word, a hash at the end any number of them.
    private static bool Matches(string topic, string type) => Regex.IsMatch(
        type,
        $"^{Regex.Escape(topic).Replace(@"\.\#", @"(\..*)?", StringComparison.Ordinal).Replace(@"\*", "[^.]*", StringComparison.Ordinal)}$",
        RegexOptions.NonBacktracking);

    /// <returns>Whether the broker took it.</returns>
    private async Task<bool> TellAsync(
        IConnection connection, string forger, string exchange, string routingKey, BoundaryEventDescriptor contract, object fact, string[] queues)
    {
        var id = Guid.Parse(PoisonKit.MarkPrefix + Guid.NewGuid().ToString()[8..]).ToString();
        var envelope = new CloudEventEnvelope(
            id,
            ShopContracts.Catalogue.SourceOf(contract.Publisher),
            contract.Type,
            TimeProvider.System.GetUtcNow(),
            contract.SubjectOf(fact),
            contract.DataSchema,
            Sequence: 1_000_000);
        var properties = new BasicProperties
        {
            MessageId = id,
            UserId = stage.Cluster.AccountOf(forger),
            Persistent = true,
            ContentType = "application/json",
            Headers = envelope.ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
        };
        try
        {
            // A channel of its own: the broker closes it over what it refuses, and remembers on it what the account may do.
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
                publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
            await channel.BasicPublishAsync(
                exchange, routingKey, mandatory: false, properties, JsonSerializer.SerializeToUtf8Bytes(fact, contract.ClrType, ContractJson.Options));
        }
        catch (Exception e) when (e is PublishException or AlreadyClosedException or OperationInterruptedException)
        {
            return false;
        }

        _planted.Enqueue(new ForgedMessage(id, queues, fact));
        return true;
    }
}
