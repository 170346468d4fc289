using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

// Usage: dotnet run -- <amqp address>. Follows the orders of the shop until a key is pressed.
var factory = new ConnectionFactory { Uri = new Uri(args is [var address] ? address : "amqp://guest:guest@127.0.0.1:5672/") };
await using var connection = await factory.CreateConnectionAsync();
await using var channel = await connection.CreateChannelAsync();

// Whoever comes first declares the exchange, publisher or consumer.
await channel.ExchangeDeclareAsync(Exchanges.AllEvents, ExchangeType.Topic, durable: true);
var queue = await channel.QueueDeclareAsync(queue: "", durable: false, exclusive: true, autoDelete: true);
await channel.QueueBindAsync(queue.QueueName, Exchanges.AllEvents, "shop.order.#");

var consumer = new AsyncEventingBasicConsumer(channel);
consumer.ReceivedAsync += async (_, delivery) =>
{
    Console.WriteLine(Describe(delivery));
    await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
};
await channel.BasicConsumeAsync(queue.QueueName, autoAck: false, consumer);
Console.WriteLine("Waiting for orders. Any key ends it.");
Console.ReadKey();

static string Describe(BasicDeliverEventArgs delivery)
{
    if (CloudEventEnvelope.TryRead(Header, out var envelope) is { } wrongHeaders)
    {
        return $"not an event: {wrongHeaders}";
    }

    if (BoundaryEvents.Find(envelope!.Type) is not { } descriptor)
    {
        return $"{envelope.Type}: newer than the package, ignored";
    }

    if (ContractValidator.Validate(descriptor, delivery.Body.Span) is { } wrongBody)
    {
        return $"{envelope.Type}: {wrongBody}";
    }

    return JsonSerializer.Deserialize(delivery.Body.Span, descriptor.ClrType, ContractJson.Options) switch
    {
        Shop.Contracts.Orders.V2.OrderSubmitted e => $"order {e.OrderId} over {e.Total.Amount} {e.Total.Currency} to {e.ShippingCountry}",
        OrderShipped e => $"order {e.OrderId} shipped with {e.Carrier}, {e.TrackingNumber}",
        OrderFailed e => $"order {e.OrderId} failed: {e.Reason}",
        _ => $"{envelope.Type} {envelope.Subject}",
    };

    string? Header(string name) => delivery.BasicProperties.Headers?.TryGetValue(name, out var value) == true && value is byte[] text ? Encoding.UTF8.GetString(text) : null;
}
