using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;

namespace Inventory.Tests;

/// <summary>An event as it came over the wire.</summary>
public sealed record WireEvent(string Type, string Subject, long? Sequence, JsonElement Data, string? TenantId);

/// <summary>Somebody outside who listens to every boundary event.</summary>
public sealed class EventLog : IAsyncDisposable
{
    private readonly ConcurrentQueue<WireEvent> _events = new();
    private IConnection? _connection;

    public static async Task<EventLog> ListenAsync(Uri broker)
    {
        var log = new EventLog { _connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync() };
        var channel = await log._connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(ShopContracts.Exchanges.AllEvents, ExchangeType.Topic, durable: true);
        var queue = await channel.QueueDeclareAsync();
        await channel.QueueBindAsync(queue.QueueName, ShopContracts.Exchanges.AllEvents, "shop.#");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            var headers = message.BasicProperties.Headers!;
            log._events.Enqueue(new WireEvent(
                Text(headers, CloudEventHeaders.Type)!,
                Text(headers, CloudEventHeaders.Subject)!,
                long.TryParse(Text(headers, CloudEventHeaders.Sequence), out var sequence) ? sequence : null,
                JsonSerializer.Deserialize<JsonElement>(message.Body.Span),
                Text(headers, CloudEventHeaders.TenantId)));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue.QueueName, autoAck: true, consumer);
        return log;
    }

    public IReadOnlyCollection<WireEvent> All => _events;

    public IReadOnlyList<WireEvent> Of(string type, string subject) => [.. _events.Where(e => e.Type == type && e.Subject == subject)];

    /// <summary>Events about an order, whatever their subject is.</summary>
    public IReadOnlyList<WireEvent> About(Guid orderId) =>
        [.. _events.Where(e => e.Data.TryGetProperty("orderId", out var id) && id.GetGuid() == orderId)];

    public async Task<IReadOnlyList<WireEvent>> WaitFor(string type, string subject, int count = 1)
    {
        await Poll.UntilAsync(() => Of(type, subject).Count >= count, $"{count} × {type} about {subject}");
        return Of(type, subject);
    }

    public async Task<IReadOnlyList<WireEvent>> WaitForAnswers(Guid orderId, int count)
    {
        await Poll.UntilAsync(() => About(orderId).Count >= count, $"{count} answers about order {orderId}");
        return About(orderId);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private static string? Text(IDictionary<string, object?> headers, string name) =>
        headers.TryGetValue(name, out var value) ? value as string ?? (value is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes) : null) : null;
}

/// <summary>The saga's side of the command queue: MassTransit envelopes, written by hand.</summary>
public sealed class CommandSender : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public static async Task<CommandSender> ConnectAsync(Uri broker)
    {
        var sender = new CommandSender { _connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync() };
        sender._channel = await sender._connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        return sender;
    }

    /// <summary>Sends a command; the same message id makes it a duplicate of the transport.</summary>
    public Task Send<T>(
        T command,
        Guid? messageId = null,
        string? tenant = null,
        string? trace = null) => Publish("", Queues.InventoryCommands, Properties("application/vnd.masstransit+json"), new JsonObject
        {
            ["messageId"] = (messageId ?? Guid.CreateVersion7()).ToString(),
            ["messageType"] = new JsonArray($"urn:message:{typeof(T).Namespace}:{typeof(T).Name}"),
            ["headers"] = new JsonObject { [CloudEventHeaders.TenantId] = tenant, [CloudEventHeaders.TraceParent] = trace },
            ["message"] = JsonSerializer.SerializeToNode(command, ContractJson.Options),
        });

    /// <summary>Publishes a boundary event as another service does.</summary>
    public Task Publish<T>(T boundaryEvent)
        where T : notnull
    {
        var descriptor = ShopContracts.Catalogue.Find(typeof(T))!;
        var properties = Properties("application/json");
        properties.Headers = new Dictionary<string, object?>
        {
            [CloudEventHeaders.SpecVersion] = "1.0",
            [CloudEventHeaders.Id] = properties.MessageId,
            [CloudEventHeaders.Source] = "/tests",
            [CloudEventHeaders.Type] = descriptor.Type,
            [CloudEventHeaders.Time] = DateTimeOffset.UtcNow.ToString("O"),
            [CloudEventHeaders.Subject] = descriptor.SubjectOf(boundaryEvent),
        };
        return Publish(descriptor.Type, "", properties, JsonSerializer.SerializeToNode(boundaryEvent, ContractJson.Options)!);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        _turn.Dispose();
    }

    private static BasicProperties Properties(string contentType) =>
        new() { ContentType = contentType, MessageId = Guid.CreateVersion7().ToString(), UserId = TestVhost.Account, DeliveryMode = DeliveryModes.Persistent };

    private async Task Publish(string exchange, string routingKey, BasicProperties properties, JsonNode body)
    {
        await _turn.WaitAsync();
        try
        {
            await _channel.BasicPublishAsync(exchange, routingKey, mandatory: true, properties, JsonSerializer.SerializeToUtf8Bytes(body));
        }
        finally
        {
            _turn.Release();
        }
    }
}
