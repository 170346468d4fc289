using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chassis.Testing;

/// <summary>A boundary event as an outsider sees it on the wire.</summary>
public sealed record TappedEvent(
    string Type, string Subject, long? Sequence, string ContentType, IReadOnlyDictionary<string, string> Headers, JsonElement Body);

/// <summary>Listens to boundary events as a partner does: a queue of its own, bound to <c>shop.events</c>, plain AMQP.</summary>
public sealed class EventTap : IAsyncDisposable
{
    private readonly ConcurrentQueue<TappedEvent> _seen = new();
    private readonly IConnection _connection;

    private EventTap(IConnection connection) => this._connection = connection;

    /// <summary>What has arrived so far.</summary>
    public IReadOnlyCollection<TappedEvent> Seen => _seen;

    /// <summary>Starts to listen; what was published before is not seen.</summary>
    public static async Task<EventTap> OpenAsync(Uri broker, string pattern = "shop.#")
    {
        var tap = new EventTap(await new ConnectionFactory { Uri = broker }.CreateConnectionAsync());
        var channel = await tap._connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync("shop.events", ExchangeType.Topic, durable: true);
        var queue = await channel.QueueDeclareAsync();
        await channel.QueueBindAsync(queue.QueueName, "shop.events", pattern);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            tap._seen.Enqueue(Read(message));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue.QueueName, autoAck: true, consumer);
        return tap;
    }

    /// <summary>Waits for an event about something.</summary>
    public Task<TappedEvent> NextAsync(string type, string subject, TimeSpan? timeout = null) => Poll.UntilAsync(
        () => Task.FromResult(_seen.FirstOrDefault(e => e.Type == type && e.Subject == subject)), $"{type} about {subject}", timeout);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static TappedEvent Read(BasicDeliverEventArgs message)
    {
        var headers = (message.BasicProperties.Headers ?? new Dictionary<string, object?>())
            .ToDictionary(
                h => h.Key, h => h.Value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : Convert.ToString(h.Value, CultureInfo.InvariantCulture) ?? "");
        return new TappedEvent(
            headers.GetValueOrDefault("cloudEvents_type", ""),
            headers.GetValueOrDefault("cloudEvents_subject", ""),
            long.TryParse(headers.GetValueOrDefault("cloudEvents_sequence"), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
                ? sequence
                : null,
            message.BasicProperties.ContentType ?? "",
            headers,
            JsonDocument.Parse(message.Body.ToArray()).RootElement.Clone());
    }
}
