using System.Collections.Concurrent;
using System.Text;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Shop.Chaos.Faults;

/// <summary>Messages that no consumer can accept: not JSON, no such type, not what the contract says. Each carries a mark, so that it is known again among the dead letters.</summary>
public sealed class PoisonKit(Uri broker)
{
    /// <summary>Stands in the message id of everything planted here.</summary>
    public const string MarkPrefix = "0badc0de";

    private readonly ConcurrentQueue<(string Id, string Exchange)> planted = new();

    /// <summary>Message id and exchange of everything that was planted.</summary>
    public IReadOnlyCollection<(string Id, string Exchange)> Planted => planted;

    public async Task PlantAsync()
    {
        var factory = new ConnectionFactory { Uri = broker };
        await using var connection = await factory.CreateConnectionAsync();
        // Confirmed: what the broker has not taken, nobody can be asked about.
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        foreach (var contract in BoundaryEvents.All.Where(e => e.Publisher is "orders" or "inventory" or "users"))
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

    private async Task PublishAsync(IChannel channel, string exchange, string? type, string body)
    {
        var id = Guid.Parse(MarkPrefix + Guid.NewGuid().ToString()[8..]).ToString();
        var properties = new BasicProperties { MessageId = id, Persistent = true, ContentType = type is null ? "application/vnd.masstransit+json" : "application/json" };
        if (type is not null)
        {
            properties.Headers = new CloudEventEnvelope(id, "urn:shop:chaos", type, DateTimeOffset.UtcNow, Guid.NewGuid().ToString(), Sequence: 1)
                .ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value);
        }

        await channel.BasicPublishAsync(exchange, type is null ? "" : exchange, mandatory: false, properties, Encoding.UTF8.GetBytes(body));
        planted.Enqueue((id, exchange));
    }
}
