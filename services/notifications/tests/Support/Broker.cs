using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Notifications.Tests.Support;

/// <summary>Publishes boundary events as any other service does: plain JSON with CloudEvents headers on the exchanges of the contracts.</summary>
public sealed class Broker : IAsyncDisposable
{
    private readonly IConnection connection;
    private readonly IChannel channel;
    private readonly HashSet<string> declared = [];
    private readonly SemaphoreSlim gate = new(1);

    private Broker(IConnection connection, IChannel channel) => (this.connection, this.channel) = (connection, channel);

    public static async Task<Broker> Connect(Uri uri)
    {
        var connection = await new ConnectionFactory { Uri = uri }.CreateConnectionAsync();
        return new Broker(connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true, null)));
    }

    /// <summary>Publishes a record of the contracts.</summary>
    /// <returns>The event's id.</returns>
    public Task<string> Publish(object message, long? sequence = null, string? id = null, bool replay = false, string? tenant = null, string? trace = null)
    {
        var descriptor = ShopContracts.Catalogue.Find(message.GetType())!;
        return Publish(descriptor.Type, JsonSerializer.SerializeToUtf8Bytes(message, message.GetType(), ContractJson.Options), descriptor.SubjectOf(message), sequence, id, replay,
            tenant, trace);
    }

    /// <summary>Publishes whatever it is given, also of a type that nobody knows yet.</summary>
    public async Task<string> Publish(string type, byte[] body, string subject, long? sequence = null, string? id = null, bool replay = false, string? tenant = null, string? trace = null)
    {
        id ??= Guid.CreateVersion7().ToString();
        var envelope = new CloudEventEnvelope(
            id, ShopContracts.Catalogue.SourceOf("tests"), type, DateTimeOffset.UtcNow, subject, Sequence: sequence, CorrelationId: "test", TraceParent: trace, TenantId: tenant, Replay: replay);
        var properties = new BasicProperties
        {
            ContentType = "application/json",
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = id,
            UserId = TestVhost.Account,
            Headers = envelope.ToHeaders().ToDictionary(h => h.Key, h => (object?)h.Value),
        };
        await gate.WaitAsync();
        try
        {
            if (declared.Add(type))
            {
                await channel.ExchangeDeclareAsync(type, ExchangeType.Fanout, durable: true);
                await channel.ExchangeDeclareAsync(ShopContracts.Exchanges.AllEvents, ExchangeType.Topic, durable: true);
                await channel.ExchangeBindAsync(ShopContracts.Exchanges.AllEvents, type, type);
            }

            await channel.BasicPublishAsync(type, type, mandatory: false, properties, body);
        }
        finally
        {
            gate.Release();
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
        await gate.WaitAsync();
        try
        {
            await channel.BasicPublishAsync("", NotificationQueues.Commands, mandatory: true, properties, body);
        }
        finally
        {
            gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
        gate.Dispose();
    }
}
