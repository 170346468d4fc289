using System.Text;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chassis.Messaging.DeadLetters;

/// <summary>
/// Moves what the broker gave up by itself from the dead-letter queue into the table. A message is acknowledged after it is committed there.
/// </summary>
internal sealed partial class DeadLetterCollector(
    BrokerConnection broker,
    DeadLetterStore store,
    Accounts accounts,
    Lanes lanes,
    ServiceIdentity service,
    RefusedQueues refused,
    TimeProvider clock,
    ILogger<DeadLetterCollector> logger)
    : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var queue = DeadLetterQueue.NameFor(service.Name);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await broker.OpenAsync("dead letters", stoppingToken);
                await using var channel = await connection.CreateChannelAsync(cancellationToken: stoppingToken);
                var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                channel.ChannelShutdownAsync += (_, _) =>
                {
                    closed.TrySetResult();
                    return Task.CompletedTask;
                };
                await channel.QueueDeclareAsync(
                    queue, durable: true, exclusive: false, autoDelete: false,
                    new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: stoppingToken);
                await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true, cancellationToken: stoppingToken);
                await channel.QueueBindAsync(queue, queue, string.Empty, cancellationToken: stoppingToken);
                await channel.BasicQosAsync(0, 10, false, stoppingToken);
                var consumer = new AsyncEventingBasicConsumer(channel);
                consumer.ReceivedAsync += (_, delivery) => TakeAsync(channel, delivery, stoppingToken);
                await channel.BasicConsumeAsync(queue, autoAck: false, consumer, stoppingToken);
                refused.Remove(queue);
                await closed.Task.WaitAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (BrokerFailure.Is(e))
            {
                refused.Add(queue, e);
                LogDisconnected(e.Message);
            }

            await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TakeAsync(IChannel channel, BasicDeliverEventArgs delivery, CancellationToken stoppingToken)
    {
        // Kept in hand and not given back: each return would count against the broker's delivery limit.
        while (channel.IsOpen && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                await store.AddAsync(Letter(delivery), stoppingToken);
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, stoppingToken);
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogNotStored(e.Message);
                await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (e is not NpgsqlException && channel.IsOpen)
                {
                    // Not the database's fault: the others need not wait behind it.
                    await channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true, CancellationToken.None);
                    return;
                }
            }
        }
    }

    private DeadLetter Letter(BasicDeliverEventArgs delivery)
    {
        var properties = delivery.BasicProperties;
        var headers = TransportHeaders.Of(properties.Headers);
        headers[MessageKeys.SentBy] = accounts.SenderOf(properties) ?? string.Empty;
        var (queue, reason) = Origin(properties.Headers);
        var body = delivery.Body.ToArray();
        return new DeadLetter(
            headers.GetValueOrDefault(CloudEventHeaders.Id) ?? properties.MessageId ?? MessageKeys.Derive(queue + Convert.ToBase64String(body)).ToString(),
            headers.GetValueOrDefault(CloudEventHeaders.Type) ?? EnvelopeReader.TypeOf(body) ?? "unknown",
            lanes.NameOf(queue),
            DeadLetterReasons.Undeliverable,
            null,
            $"The broker gave the message up ({reason}): its consumer did not survive it.",
            null,
            properties.ContentType ?? string.Empty,
            headers,
            body);
    }

    // The last death: an event that had reached nobody has died before, among the unrouted ones.
    private static (string Queue, string Reason) Origin(IDictionary<string, object?>? headers)
    {
        var last = headers?.TryGetValue(TransportHeaders.Deaths, out var deaths) == true
            ? (deaths as IList<object>)?.FirstOrDefault() as IDictionary<string, object>
            : null;
        string? Text(string name) => last?.TryGetValue(name, out var value) == true && value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : null;
        return (Text("queue") ?? "unknown", Text("reason") ?? "unknown");
    }

    [LoggerMessage(2123, LogLevel.Warning, "The dead-letter queue cannot be read, trying again: {Reason}", EventName = "dead_letters.queue_unreadable")]
    private partial void LogDisconnected(string reason);

    [LoggerMessage(2124, LogLevel.Warning, "A dead letter could not be stored and stays in its queue: {Reason}", EventName = "dead_letters.not_stored")]
    private partial void LogNotStored(string reason);
}
