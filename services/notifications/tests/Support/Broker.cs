using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Notifications.Tests.Support;

/// <summary>Publishes boundary events as any other service does: plain JSON with CloudEvents headers on the exchanges of the contracts.</summary>
public sealed class Broker : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly HashSet<string> _declared = [];
    private readonly SemaphoreSlim _gate = new(1);

    private Broker(IConnection connection, IChannel channel) => (this._connection, this._channel) = (connection, channel);

    public static async Task<Broker> Connect(Uri uri)
    {
        var connection = await new ConnectionFactory { Uri = uri }.CreateConnectionAsync();
        return new Broker(connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true, null)));
    }

    /// <summary>Publishes a record of the contracts.</summary>
    /// <returns>The event's id.</returns>
    public Task<string> Publish(
        object message, long? sequence = null, string? id = null, bool replay = false, string? tenant = null, string? trace = null, DateTimeOffset? time = null)
    {
        var descriptor = ShopContracts.Catalogue.Find(message.GetType())!;
        return Publish(descriptor.Type, JsonSerializer.SerializeToUtf8Bytes(
            message, message.GetType(), ContractJson.Options), descriptor.SubjectOf(message), sequence, id, replay,
            tenant, trace, time);
    }

    /// <summary>Publishes whatever it is given, also of a type that nobody knows yet.</summary>
    public async Task<string> Publish(
        string type, byte[] body, string subject, long? sequence = null, string? id = null, bool replay = false, string? tenant = null, string? trace = null,
        DateTimeOffset? time = null)
    {
        id ??= Guid.CreateVersion7().ToString();
        var envelope = new CloudEventEnvelope(
            id,
            ShopContracts.Catalogue.SourceOf("tests"),
            type,
            time ?? DateTimeOffset.UtcNow,
            subject,
            Sequence: sequence,
            CorrelationId: "test",
            TraceParent: trace,
            TenantId: tenant,
            Replay: replay);
        var properties = new BasicProperties
        {
            ContentType = "application/json",
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = id,
            UserId = TestVhost.Account,
            Headers = envelope.ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
        };
        await _gate.WaitAsync();
        try
        {
            if (_declared.Add(type))
            {
                await _channel.ExchangeDeclareAsync(type, ExchangeType.Fanout, durable: true);
                await _channel.ExchangeDeclareAsync(ShopContracts.Exchanges.AllEvents, ExchangeType.Topic, durable: true);
                await _channel.ExchangeBindAsync(ShopContracts.Exchanges.AllEvents, type, type);
            }

            await _channel.BasicPublishAsync(type, type, mandatory: false, properties, body);
        }
        finally
        {
            _gate.Release();
        }

        return id;
    }

    /// <summary>Sends a command to this service, as MassTransit does.</summary>
    public async Task Send<T>(T command, Guid messageId)
    {
        var properties = new BasicProperties
        {
            ContentType = "application/vnd.masstransit+json", DeliveryMode = DeliveryModes.Persistent, MessageId = messageId.ToString(), UserId = TestVhost.Account,
        };
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            messageId,
            messageType = new[] { $"urn:message:{typeof(T).Namespace}:{typeof(T).Name}" },
            message = JsonSerializer.SerializeToNode(command, ContractJson.Options),
        });
        await _gate.WaitAsync();
        try
        {
            await _channel.BasicPublishAsync("", NotificationQueues.Commands, mandatory: true, properties, body);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
        _gate.Dispose();
    }
}
