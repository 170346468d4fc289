using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Contracts.Events;
using RabbitMQ.Client;
using Shop.Chaos.Load;
using Shop.Cluster;
using Shop.Contracts;
using Shop.Contracts.Users.V1;

namespace Shop.Chaos.Faults;

/// <summary>
/// Messages that no consumer can accept: not JSON, no such type, not what the contract says. Each carries a mark, so that it is known again among the dead
/// letters.
/// </summary>
public sealed class PoisonKit(ShopCluster cluster)
{
    /// <summary>Stands in the message id of everything planted here.</summary>
    public const string MarkPrefix = "0badc0de";

    /// <summary>How many dead letters come of what is planted about a person: of the event in four queues, of each command in its own.</summary>
    public const int LettersAboutAPerson = 6;

    private readonly ConcurrentQueue<PlantedMessage> _planted = new();

    /// <summary>Everything that was planted.</summary>
    public IReadOnlyCollection<PlantedMessage> Planted => _planted;

    public async Task PlantAsync()
    {
        await using var connection = await ConnectAsync();
        await using var channel = await OpenAsync(connection);
        foreach (var contract in ShopContracts.Catalogue.All.Where(e => e.Publisher is "orders" or "inventory" or "users"))
        {
            await PublishAsync(channel, contract.Type, contract.Type, "{ this is not JSON");
            await PublishAsync(channel, contract.Type, contract.Type, "{}");
            await PublishAsync(channel, contract.Type, "shop.never.heard-of.v9", "{}");
        }

        foreach (var queue in CommandQueues.All)
        {
            await PublishAsync(channel, queue, type: null, "neither an envelope nor anything else");
        }
    }

    /// <summary>
    /// An event and two commands with the person's data that no consumer can accept; and the same about somebody who does not exist, in words that the person's
    /// name and street share with others.
    /// </summary>
    /// <returns>The message ids of those about the person.</returns>
    public async Task<IReadOnlyList<string>> PlantAboutAsync(Guid userId, Person person)
    {
        await using var connection = await ConnectAsync();
        await using var channel = await OpenAsync(connection);
        await PlantAboutAsync(
            channel, Guid.NewGuid(), person.Words.Name, new { name = person.Words.Name, line1 = person.Words.Street, city = person.Words.Street }, about: null);
        return await PlantAboutAsync(channel, userId, person.FullName, person.Address, about: userId);
    }

    private async Task<IReadOnlyList<string>> PlantAboutAsync(IChannel channel, Guid userId, string fullName, object address, Guid? about)
    {
        var registered = ShopContracts.Catalogue.Find(typeof(UserRegistered))!.Type;
        return
        [
            await PublishAsync(channel, registered, registered, Json(new { userId, fullName, source = "a stranger" }), userId, about),
            await PublishAsync(
                channel, "inventory.commands", null, Json(Command("Shop.Contracts.Inventory.V1:ShipOrder", new { userId, address })), userId, about),
            await PublishAsync(channel, "orders.fulfilment", null, Json(Command("Orders.Fulfilment:StartFulfilment", new { userId, address })), userId, about),
        ];

        static object Command(string type, object message) => new { messageId = Guid.NewGuid(), messageType = new[] { "urn:message:" + type }, message };
        static string Json(object body) => JsonSerializer.Serialize(body);
    }

    private Task<IConnection> ConnectAsync() => new ConnectionFactory { Uri = cluster.Impersonator }.CreateConnectionAsync();

    /// <summary>With confirms: what the broker has not taken, nobody can be asked about.</summary>
    private static Task<IChannel> OpenAsync(IConnection connection) =>
        connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));

    // Of whoever may send there: it is what the messages say that nobody can accept.
    private static string Signer(string exchange) => ShopContracts.Catalogue.Find(exchange)?.Publisher ?? "orders";

    private async Task<string> PublishAsync(IChannel channel, string exchange, string? type, string text, Guid? subject = null, Guid? about = null)
    {
        var body = Encoding.UTF8.GetBytes(text);
        var id = Guid.Parse(MarkPrefix + Guid.NewGuid().ToString()[8..]).ToString();
        var properties = new BasicProperties
        {
            MessageId = id,
            UserId = cluster.AccountOf(Signer(exchange)),
            Persistent = true,
            ContentType = type is null ? "application/vnd.masstransit+json" : "application/json",
        };
        if (type is not null)
        {
            properties.Headers = new CloudEventEnvelope(id, "urn:shop:chaos", type, DateTimeOffset.UtcNow, (subject ?? Guid.NewGuid()).ToString(), Sequence: 1)
                .ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value);
        }

        await channel.BasicPublishAsync(exchange, type is null ? "" : exchange, mandatory: false, properties, body);
        _planted.Enqueue(new PlantedMessage(id, exchange, body, about));
        return id;
    }
}

/// <param name="Id">Message id.</param>
/// <param name="Exchange">Where it was put in.</param>
/// <param name="Body">Its bytes.</param>
/// <param name="About">Who is going to be erased, when it says something of them.</param>
public sealed record PlantedMessage(string Id, string Exchange, byte[] Body, Guid? About);
