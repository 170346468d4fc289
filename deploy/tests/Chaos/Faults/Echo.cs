using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Shop.Chaos.Faults;

/// <summary>
/// Listens to every boundary event and, while it is switched on, publishes each once more with the same id and bytes: at once, or kept back and shuffled.
/// </summary>
public sealed class Echo(Uri broker, int seed) : IAsyncDisposable
{
    private const string Mark = "x-chaos-echo";
    private const string Queue = "chaos.echo";

    private readonly Random random = new(seed);
    private readonly ConcurrentQueue<BasicDeliverEventArgs> kept = new();
    private IConnection? connection;
    private IChannel? channel;
    private volatile bool on;
    private volatile bool shuffled;

    /// <summary>How many events were sent a second time.</summary>
    public int Echoed { get; private set; }

    public async Task ConnectAsync()
    {
        var factory = new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = true, NetworkRecoveryInterval = TimeSpan.FromSeconds(1) };
        connection = await factory.CreateConnectionAsync();
        channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(Queue, Shop.Contracts.Exchanges.AllEvents, "#");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, message) =>
        {
            if (!on || message.BasicProperties.Headers?.ContainsKey(Mark) == true)
            {
                return;
            }

            if (shuffled)
            {
                // The body is only lent for the time of this call.
                kept.Enqueue(new BasicDeliverEventArgs(
                    message.ConsumerTag, message.DeliveryTag, message.Redelivered, message.Exchange, message.RoutingKey, message.BasicProperties, message.Body.ToArray()));
            }
            else
            {
                await AgainAsync(message);
            }
        };
        await channel.BasicConsumeAsync(Queue, autoAck: true, consumer);
    }

    public void Start(bool shuffle) => (shuffled, on) = (shuffle, true);

    public async Task StopAsync()
    {
        on = false;
        var late = kept.ToArray();
        kept.Clear();
        random.Shuffle(late);
        foreach (var message in late)
        {
            await AgainAsync(message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (connection is not null)
        {
            await connection.DisposeAsync();
        }
    }

    private async Task AgainAsync(BasicDeliverEventArgs message)
    {
        var properties = new BasicProperties(message.BasicProperties)
        {
            Headers = new Dictionary<string, object?>(message.BasicProperties.Headers ?? new Dictionary<string, object?>()) { [Mark] = true },
        };
        try
        {
            // The routing key is the event's type, and that is the name of its own exchange.
            await channel!.BasicPublishAsync(message.RoutingKey, message.RoutingKey, mandatory: false, properties, message.Body);
            Echoed++;
        }
        catch (Exception e) when (e is AlreadyClosedException or OperationInterruptedException)
        {
            // The broker is down for another fault's sake; there is nothing to duplicate then.
        }
    }
}
