using System.Text;
using System.Text.Json;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

// Usage: dotnet run -- <amqp address of the partner's account>. Follows the orders of the shop until a key is pressed.
// The account: deploy/partner.sh set NAME "shop.order.#"
if (args is not [var address])
{
    Console.Error.WriteLine("The amqp address of a partner's account is missing: docs/how-to/connect-a-partner.md");
    return 1;
}

var factory = new ConnectionFactory { Uri = new Uri(address) };
await using var connection = await factory.CreateConnectionAsync();
await using var channel = await connection.CreateChannelAsync();

// The exchange is the shop's and there; the account has queues that begin with its own name.
var queue = await channel.QueueDeclareAsync($"{factory.UserName}.orders", durable: false, exclusive: true, autoDelete: true);
await channel.QueueBindAsync(queue.QueueName, ShopContracts.Exchanges.AllEvents, "shop.order.#");

var consumer = new AsyncEventingBasicConsumer(channel);
consumer.ReceivedAsync += async (_, delivery) =>
{
    Console.WriteLine(Describe(delivery));
    await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
};
await channel.BasicConsumeAsync(queue.QueueName, autoAck: false, consumer);
Console.WriteLine("Waiting for orders. Any key ends it.");
Console.ReadKey();
return 0;

static string Describe(BasicDeliverEventArgs delivery)
{
    if (CloudEventEnvelope.TryRead(Header, out var envelope) is { } wrongHeaders)
    {
        return $"not an event: {wrongHeaders}";
    }

    if (ShopContracts.Catalogue.Find(envelope!.Type) is not { } descriptor)
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

    string? Header(string name) =>
        delivery.BasicProperties.Headers?.TryGetValue(name, out var value) == true && value is byte[] text ? Encoding.UTF8.GetString(text) : null;
}
