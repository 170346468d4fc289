using System.Collections.Concurrent;
using System.Text;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using Shop.Chaos.Load;
using Shop.Contracts;

namespace Shop.Chaos.Faults;

/// <summary>What an <see cref="Echo"/> sends a second time.</summary>
public enum EchoMode
{
    Nothing,

    /// <summary>Every boundary event, at once.</summary>
    Events,

    /// <summary>Every boundary event, kept back and shuffled.</summary>
    ShuffledEvents,

    /// <summary>Every command between the saga and those who do the work, at once.</summary>
    Commands,

    /// <summary>Every boundary event of one tenant, many times, at once.</summary>
    Flood,
}

/// <summary>
/// Listens to every boundary event and every command, and, while it is switched on, publishes some of them once more with the same id and bytes.
/// </summary>
public sealed class Echo(Uri broker, int seed) : IAsyncDisposable
{
    internal const string Mark = "x-chaos-echo";
    private const string Queue = "chaos.echo";
    private const int Flood = 25;

    private readonly Random _random = new(seed);
    private readonly ConcurrentDictionary<(string Type, string Id), bool> _heard = new();
    private readonly ConcurrentQueue<BasicDeliverEventArgs> _kept = new();
    private IConnection? _connection;
    private IChannel? _channel;
    private volatile EchoMode _mode;

    /// <summary>How many messages were sent a second time.</summary>
    public int Echoed { get; private set; }

    /// <summary>Type and id of every boundary event that went over the wire; what was planted or echoed is left out.</summary>
    public IEnumerable<(string Type, string Id)> Heard => _heard.Keys;

    public async Task ConnectAsync()
    {
        var factory = new ConnectionFactory { Uri = broker, AutomaticRecoveryEnabled = true, NetworkRecoveryInterval = TimeSpan.FromSeconds(1) };
        var nodes = TestServers.NodesOf(broker);
        _connection = await factory.CreateConnectionAsync(nodes.Select(node => new AmqpTcpEndpoint(node)));
        _channel = await _connection.CreateChannelAsync();
        // A classic queue would be gone with its node, and what nobody else takes would lie among the unrouted events.
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = nodes.Count > 1 ? "quorum" : "classic" };
        await _channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false, arguments);
        await _channel.QueueBindAsync(Queue, ShopContracts.Exchanges.AllEvents, "#");
        foreach (var commands in CommandQueues.All)
        {
            await _channel.QueueBindAsync(Queue, commands, "");   // an exchange of the same name stands before each queue
        }

        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, message) => HearAsync(message);
        await _channel.BasicConsumeAsync(Queue, autoAck: true, consumer);
    }

    public void Start(EchoMode next) => _mode = next;

    /// <summary>Takes no event any more, so that one which reaches nobody else reaches nobody.</summary>
    public Task StepAsideAsync() => _channel!.QueueUnbindAsync(Queue, ShopContracts.Exchanges.AllEvents, "#");

    public Task StepInAsync() => _channel!.QueueBindAsync(Queue, ShopContracts.Exchanges.AllEvents, "#");

    public async Task StopAsync()
    {
        _mode = EchoMode.Nothing;
        var late = _kept.ToArray();
        _kept.Clear();
        _random.Shuffle(late);
        foreach (var message in late)
        {
            await AgainAsync(message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private async Task HearAsync(BasicDeliverEventArgs message)
    {
        var id = message.BasicProperties.MessageId ?? "";
        if (message.BasicProperties.Headers?.ContainsKey(Mark) == true || id.StartsWith(PoisonKit.MarkPrefix, StringComparison.Ordinal))
        {
            return;
        }

        var isCommand = CommandQueues.All.Contains(message.Exchange);
        if (!isCommand)
        {
            _heard.TryAdd((message.RoutingKey, id), true);
        }

        switch (_mode)
        {
            case EchoMode.Commands when isCommand:
            case EchoMode.Events when !isCommand:
                await AgainAsync(message);
                break;
            case EchoMode.Flood when !isCommand && TenantOf(message) == Tenants.Named[0]:
                for (var i = 0; i < Flood; i++)
                {
                    await AgainAsync(message);
                }

                break;
            case EchoMode.ShuffledEvents when !isCommand:
                // The body is only lent for the time of this call.
                _kept.Enqueue(new BasicDeliverEventArgs(
                    message.ConsumerTag,
                    message.DeliveryTag,
                    message.Redelivered,
                    message.Exchange,
                    message.RoutingKey,
                    message.BasicProperties,
                    message.Body.ToArray()));
                break;
        }
    }

    private static string? TenantOf(BasicDeliverEventArgs message) =>
        message.BasicProperties.Headers?.TryGetValue(CloudEventHeaders.TenantId, out var value) == true && value is byte[] text
            ? Encoding.UTF8.GetString(text) : null;

    private async Task AgainAsync(BasicDeliverEventArgs message)
    {
        var properties = new BasicProperties(message.BasicProperties)
        {
            Headers = new Dictionary<string, object?>(message.BasicProperties.Headers ?? new Dictionary<string, object?>()) { [Mark] = true },
        };
        try
        {
            await _channel!.BasicPublishAsync(message.Exchange, message.RoutingKey, mandatory: false, properties, message.Body);
            Echoed++;
        }
        catch (Exception e) when (e is AlreadyClosedException or OperationInterruptedException)
        {
            // The broker is down for another fault's sake; there is nothing to duplicate then.
        }
    }
}

/// <summary>Where the saga's commands go.</summary>
public static class CommandQueues
{
    public static readonly IReadOnlyList<string> All =
    [
        "inventory.commands", "orders.commands", "orders.payments", "orders.payments.calls", "orders.fulfilment",
    ];
}
