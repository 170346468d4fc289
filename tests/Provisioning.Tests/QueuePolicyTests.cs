using System.Text;
using Chassis.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Provisioning.Tests;

/// <summary>What the policies of <c>deploy/rabbitmq</c> do to a message whose consumer does not survive it, tried on a real broker.</summary>
public sealed class A_services_queue(Broker broker) : IClassFixture<Broker>
{
    /// <summary>More than the limit of a service's queues, and more than a broker gives to a queue that has none.</summary>
    private const int Deaths = 30;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("users")]
    [InlineData("orders")]
    [InlineData("inventory")]
    [InlineData("notifications")]
    public async Task Gives_a_message_up_to_the_dead_letters_which_never_give_it_up(string service)
    {
        var (queue, deadLetters) = ($"{service}.work", $"{service}.dead-letters");
        var connection = await broker.ConnectAsync(service);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);
        await DeclareAsync(channel, deadLetters);
        await DeclareAsync(channel, queue);
        var text = $"deadly to {service}";
        await channel.BasicPublishAsync(queue, "", Encoding.UTF8.GetBytes(text), Token);

        var deaths = await DieAsync(connection, queue, text, until: async () => await channel.MessageCountAsync(deadLetters, Token) > 0);
        deaths.ShouldBeLessThan(Deaths, "the limit is there to be reached");
        await DieAsync(connection, deadLetters, text, until: () => Task.FromResult(false));

        var kept = await Poll.UntilAsync(() => channel.BasicGetAsync(deadLetters, autoAck: true, Token), "the message in the dead letters");
        Encoding.UTF8.GetString(kept.Body.Span).ShouldBe(text);
        (await channel.MessageCountAsync(queue, Token)).ShouldBe(0u);
    }

    private static async Task DeclareAsync(IChannel channel, string queue)
    {
        await channel.QueueDeclareAsync(
            queue,
            durable: true,
            exclusive: false,
            autoDelete: false,
            new Dictionary<string, object?> { ["x-queue-type"] = "quorum" },
            cancellationToken: Token);
        await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true, cancellationToken: Token);
        await channel.QueueBindAsync(queue, queue, "", cancellationToken: Token);
    }

    /// <summary>A consumer that gives the message back whenever it gets it, until it has gone where it is given up to or has come often enough.</summary>
    /// <returns>How often it came.</returns>
    private static async Task<int> DieAsync(IConnection connection, string queue, string text, Func<Task<bool>> until)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);
        await channel.BasicQosAsync(0, 1, global: false, Token);
        var deaths = 0;
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            Encoding.UTF8.GetString(delivery.Body.Span).ShouldBe(text);
            // The last delivery is not answered, so that the message stays as it is until the channel is closed.
            if (Interlocked.Increment(ref deaths) < Deaths)
            {
                await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true, Token);
            }
        };
        await channel.BasicConsumeAsync(queue, autoAck: false, consumer, Token);
        await Poll.UntilAsync(
            async () => Volatile.Read(ref deaths) >= Deaths || await until(), $"the message in {queue} to be given back {Deaths} times or to be given up");
        return deaths;
    }
}
