using System.Collections.Concurrent;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Messaging.Tests;

/// <summary>Somebody at the broker with an account of their own.</summary>
public sealed class Player : IAsyncDisposable
{
    private readonly IConnection _connection;
    private readonly IChannel _channel;

    private Player(string account, IConnection connection, IChannel channel) => (Account, _connection, _channel) = (account, connection, channel);

    public string Account { get; }

    public static async Task<Player> ConnectAsync(Uri broker)
    {
        var connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
        return new Player(
            Uri.UnescapeDataString(broker.UserInfo.Split(':')[0]),
            connection,
            await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true)));
    }

    /// <summary>Publishes the message, signed with this account or not at all: the broker takes nothing else.</summary>
    public async Task PublishAsync(string exchange, Message message, string routingKey = "", bool sign = true)
    {
        if (sign)
        {
            message.Properties.UserId = Account;
        }

        await _channel.BasicPublishAsync(exchange, routingKey, mandatory: true, message.Properties, message.Body, TestContext.Current.CancellationToken);
    }

    /// <summary>Makes a queue of this name behind an exchange of this name and binds it to all of another exchange.</summary>
    /// <returns>The account and the body of everything that arrives.</returns>
    public async Task<ConcurrentQueue<string>> ListenAsync(string queue, string exchange)
    {
        await _channel.DeclareEndpointAsync(queue);
        await _channel.QueueBindAsync(queue, exchange, "#");
        var heard = new ConcurrentQueue<string>();
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            heard.Enqueue($"{e.BasicProperties.UserId} {Encoding.UTF8.GetString(e.Body.Span)}");
            return Task.CompletedTask;
        };
        await _channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        return heard;
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
    }

    public sealed record Message(BasicProperties Properties, byte[] Body);
}
