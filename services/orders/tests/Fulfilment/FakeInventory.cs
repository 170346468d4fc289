using System.Collections.Concurrent;
using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Stands in for the inventory service on the real broker: takes its commands and answers with its events. The quantity of the first item says what it does:
/// everything goes well unless it is one of the constants.
/// </summary>
public sealed class FakeInventory : IAsyncDisposable
{
    public const int SoldOut = 13;

    /// <summary>Reserved at once, dispatched only on <see cref="Dispatch"/>.</summary>
    public const int ShipsByHand = 17;

    /// <summary>Says nothing to the reservation.</summary>
    public const int NeverAnswers = 19;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly ConcurrentDictionary<Guid, int> _quantities = [];
    private readonly ConcurrentDictionary<Guid, string> _states = [];
    private readonly ConcurrentDictionary<string, string> _traces = [];
    private IConnection? _connection;
    private IChannel? _publishing;

    /// <summary>Commands received, by order.</summary>
    public ConcurrentDictionary<Guid, ConcurrentQueue<string>> Received { get; } = [];

    /// <summary>Tenants that commands came with, by order. Its own events say none, as those of whoever forgets it.</summary>
    public ConcurrentDictionary<Guid, ConcurrentQueue<string?>> Tenants { get; } = [];

    public string StateOf(Guid order) => _states.GetValueOrDefault(order, "none");

    public async Task StartAsync(TestVhost vhost)
    {
        _connection = await new ConnectionFactory { Uri = vhost.Uri }.CreateConnectionAsync();
        _publishing = await _connection.CreateChannelAsync(new CreateChannelOptions(
            publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var channel = await _connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(Queues.InventoryCommands, RabbitMQ.Client.ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(Queues.InventoryCommands, durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(Queues.InventoryCommands, Queues.InventoryCommands, "");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            var envelope = JsonSerializer.Deserialize<JsonElement>(delivery.Body.Span);
            Tenants.GetOrAdd(envelope.GetProperty("message").GetProperty("orderId").GetGuid(), _ => [])
                .Enqueue(envelope.GetProperty("headers").TryGetProperty(CloudEventHeaders.TenantId, out var tenant) ? tenant.GetString() : null);
            if (envelope.GetProperty("headers").TryGetProperty(CloudEventHeaders.TraceParent, out var trace))
            {
                _traces[envelope.GetProperty("message").GetProperty("orderId").GetString()!] = trace.GetString()!;
            }

            await Handle(envelope.GetProperty("messageType")[0].GetString()!.Split(':')[^1], envelope.GetProperty("message"));
            await channel.BasicAckAsync(delivery.DeliveryTag, false);
        };
        await channel.BasicConsumeAsync(Queues.InventoryCommands, autoAck: false, consumer);
    }

    public Task Dispatch(Guid order)
    {
        _states[order] = "shipped";
        return Publish(new ShipmentDispatched(order, order, "DHL", "JD014", A.Items, TimeProvider.System.GetUtcNow()), 1);
    }

    /// <summary>The time of a reservation is over.</summary>
    public Task Expire(Guid order)
    {
        _states[order] = "released";
        return Publish(new StockReleased(order, [], "Expired", TimeProvider.System.GetUtcNow()), 2);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    // As another service does, without a part of this one: it answers also while this one is down.
    private async Task Publish<T>(T boundaryEvent, long sequence)
        where T : class
    {
        var descriptor = ShopContracts.Catalogue.Find(typeof(T))!;
        var (id, subject) = (Guid.CreateVersion7().ToString(), descriptor.SubjectOf(boundaryEvent));
        var envelope = new CloudEventEnvelope(
            id,
            ShopContracts.Catalogue.SourceOf("inventory"),
            descriptor.Type,
            TimeProvider.System.GetUtcNow(),
            subject,
            descriptor.DataSchema,
            Sequence: sequence,
            TraceParent: _traces.GetValueOrDefault(subject));
        await _publishing!.BasicPublishAsync(
            descriptor.Type,
            "",
            mandatory: true,
            new BasicProperties
            {
                Persistent = true,
                UserId = TestVhost.Account,
                ContentType = "application/json",
                MessageId = id,
                Headers = envelope.ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
            },
            JsonSerializer.SerializeToUtf8Bytes(boundaryEvent, ContractJson.Options));
    }

    private async Task Handle(string command, JsonElement message)
    {
        var order = message.GetProperty("orderId").GetGuid();
        var now = TimeProvider.System.GetUtcNow();
        Received.GetOrAdd(order, _ => []).Enqueue(command);
        switch (command)
        {
            case nameof(ReserveStock):
                var items = message.GetProperty("items").Deserialize<List<SkuQuantity>>(Json)!;
                _quantities[order] = items[0].Quantity;
                if (_quantities[order] == SoldOut)
                {
                    await Publish(new StockReservationFailed(order, $"{items[0].Sku} ({SoldOut} wanted, 0 available)", [], now), 1);
                }
                else if (_quantities[order] != NeverAnswers)
                {
                    _states[order] = "reserved";
                    await Publish(new StockReserved(order, items, now), 1);
                }

                break;

            case nameof(ReleaseStock) when StateOf(order) == "shipped":
                await Dispatch(order);
                break;

            case nameof(ReleaseStock):
                _states[order] = "released";
                await Publish(new StockReleased(order, [], message.GetProperty("reason").GetString()!, now), 2);
                break;

            case nameof(ShipOrder) when StateOf(order) == "released":
                await Publish(new StockReleased(order, [], "released before", now), 2);
                break;

            case nameof(ShipOrder) when _quantities.GetValueOrDefault(order) != ShipsByHand:
                await Dispatch(order);
                break;
        }
    }
}
