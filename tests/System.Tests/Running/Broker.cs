using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Cluster;
using Shop.Contracts;

namespace Shop.SystemTests.Running;

/// <summary>A message as it came over the wire.</summary>
public sealed record Delivery(string Exchange, string RoutingKey, IReadOnlyDictionary<string, string> Headers, string? ContentType, byte[] Body)
{
    public string Type => Headers.GetValueOrDefault(CloudEventHeaders.Type, "");

    public string Subject => Headers.GetValueOrDefault(CloudEventHeaders.Subject, "");

    public JsonElement Json => JsonElement.Parse(Body);
}

/// <summary>Somebody at the broker who hears every boundary event, and sends what it likes to whom it likes, events in the name of their owners.</summary>
public sealed class Broker : IAsyncDisposable
{
    private readonly ShopCluster _cluster;
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly ConcurrentQueue<Delivery> _heard = new();

    private Broker(ShopCluster cluster, IConnection connection, IChannel channel)
    {
        this._cluster = cluster;
        this._connection = connection;
        this._channel = channel;
    }

    /// <summary>Every boundary event since the start, in the order of arrival.</summary>
    public IReadOnlyCollection<Delivery> Heard => _heard;

    public static async Task<Broker> ConnectAsync(ShopCluster cluster)
    {
        var factory = new ConnectionFactory { Uri = cluster.Impersonator };
        var connection = await factory.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var broker = new Broker(cluster, connection, channel);
        await broker.ListenAsync();
        return broker;
    }

    public Task<Delivery> HearAsync(string type, string subject, TimeSpan? timeout = null) =>
        Poll.UntilAsync(
            () => Task.FromResult(_heard.FirstOrDefault(d => d.Type == type && d.Subject == subject)),
            $"{type} about {subject} on the broker",
            timeout ?? TimeSpan.FromSeconds(45));

    /// <summary>A further queue of an outsider, which hears what is sent to it and nothing else.</summary>
    public async Task<OwnQueue> OpenQueueAsync(string name)
    {
        var own = new OwnQueue(name, await _connection.CreateChannelAsync());
        await own.ListenAsync();
        return own;
    }

    /// <summary>Sends a boundary event as a service would.</summary>
    public Task PublishEventAsync(string type, string subject, byte[] body, string? id = null, long? sequence = null) =>
        SendAsync(type, "", body, "application/json", new CloudEventEnvelope(
            id ?? Guid.NewGuid().ToString(),
            ShopContracts.Catalogue.SourceOf("tests"),
            type,
            TimeProvider.System.GetUtcNow(),
            subject,
            "urn:shop:schema:" + type,
            Sequence: sequence).ToHeaders());

    /// <summary>Sends anything anywhere; an empty exchange goes to the queue of that name.</summary>
    public async Task SendAsync(string exchange, string routingKey, byte[] body, string? contentType, IEnumerable<KeyValuePair<string, string>> headers)
    {
        var properties = new BasicProperties
        {
            Persistent = true,
            ContentType = contentType,
            MessageId = Guid.NewGuid().ToString(),
            Headers = headers.ToDictionary(h => h.Key, h => (object?)h.Value),
        };
        if (headers.FirstOrDefault(h => h.Key == CloudEventHeaders.Type).Value is { } type
            && ShopContracts.Catalogue.OwnerOf(type, headers.FirstOrDefault(h => h.Key == CloudEventHeaders.Source).Value ?? "") is { } owner)
        {
            properties.UserId = _cluster.AccountOf(owner);
        }

        await _channel.BasicPublishAsync(exchange, routingKey, mandatory: true, properties, body);
    }

    /// <summary>The queues that services take messages from.</summary>
    public async Task<IReadOnlyList<string>> QueuesAsync() =>
        [.. (await _cluster.Vhost.GetAsync("queues")).EnumerateArray().Select(q => q.GetProperty("name").GetString()!)
            .Where(n => n.Contains('.', StringComparison.Ordinal) && !n.StartsWith("outside.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>Which boundary events reach which queue, followed through the exchanges between.</summary>
    public async Task<ILookup<string, string>> SubscriptionsAsync()
    {
        var bindings = (await _cluster.Vhost.GetAsync("bindings")).EnumerateArray()
            .Select(
                b => (
                    Source: b.GetProperty("source").GetString()!,
                    To: b.GetProperty("destination").GetString()!,
                    IsQueue: b.GetProperty("destination_type").GetString() == "queue",
                    Key: b.GetProperty("routing_key").GetString()!))
            .Where(b => b.Source.Length > 0).ToList();
        return (from type in ShopContracts.Catalogue.All.Select(e => e.Type)
                from queue in Reached(type, type)
                select (queue, type)).Distinct().ToLookup(p => p.queue, p => p.type);

        IEnumerable<string> Reached(string exchange, string type) =>
            bindings.Where(b => b.Source == exchange && (exchange != ShopContracts.Exchanges.AllEvents || Matches(b.Key, type)))
                .SelectMany(b => b.IsQueue ? [b.To] : Reached(b.To, type));
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private async Task ListenAsync()
    {
        await _channel.ExchangeDeclareAsync(ShopContracts.Exchanges.AllEvents, ExchangeType.Topic, durable: true);
        var queue = await _channel.QueueDeclareAsync("outside.tests", durable: false, exclusive: true, autoDelete: true);
        await _channel.QueueBindAsync(queue.QueueName, ShopContracts.Exchanges.AllEvents, "#");
        await HearAsync(_channel, queue.QueueName, _heard);
    }

    internal static async Task HearAsync(IChannel channel, string queue, ConcurrentQueue<Delivery> heard)
    {
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            var headers = (e.BasicProperties.Headers ?? new Dictionary<string, object?>())
                .ToDictionary(h => h.Key, h => h.Value is byte[] text ? Encoding.UTF8.GetString(text) : $"{h.Value?.GetType().Name}: {h.Value}");
            heard.Enqueue(new Delivery(e.Exchange, e.RoutingKey, headers, e.BasicProperties.ContentType, e.Body.ToArray()));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
    }

    private static bool Matches(string pattern, string key)
    {
        if (pattern == "#")
        {
            return true;
        }

        return pattern.EndsWith(".#", StringComparison.Ordinal)
            ? key == pattern[..^2] || key.StartsWith(pattern[..^1], StringComparison.Ordinal)
            : pattern == key;
    }
}

/// <summary>A queue that a test has for itself.</summary>
public sealed class OwnQueue(string queue, IChannel channel) : IAsyncDisposable
{
    private readonly ConcurrentQueue<Delivery> _heard = new();

    public string Queue => queue;

    public IReadOnlyCollection<Delivery> Heard => _heard;

    internal async Task ListenAsync()
    {
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        await Broker.HearAsync(channel, queue, _heard);
    }

    public async ValueTask DisposeAsync()
    {
        await channel.QueueDeleteAsync(queue);
        await channel.DisposeAsync();
    }
}
