using System.Text.Json;
using Chassis.Testing;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Services;
using Shop.Contracts;

namespace Provisioning.Tests;

/// <summary>
/// Every service's account × every exchange × every right, on a real broker with the rights of <c>deploy/rabbitmq</c>. Who may do what follows from the
/// contracts.
/// </summary>
public sealed class The_matrix_of_broker_rights(Broker broker) : IClassFixture<Broker>
{
    private static readonly string[] Services = [.. Service.Of(Repository.Root).Where(s => !s.Stateless).Select(s => s.Name)];

    /// <summary>Exchanges beside those of events, with those who may configure them, publish to them and take from them.</summary>
    private static readonly (string Exchange, string Type, string[] Configure, string[] Write, string[] Read)[] Others =
    [
        (ShopContracts.Exchanges.AllEvents, ExchangeType.Topic, Services, Services, Services),
        ("shop.replay", ExchangeType.Direct, Services, Services, Services),
        ("shop.returned", ExchangeType.Direct, Services, [], Services),
        (ShopContracts.Exchanges.Unrouted, ExchangeType.Fanout, [], [], Services),
        (Queues.InventoryCommands, ExchangeType.Fanout, ["inventory"], ["inventory", "orders"], ["inventory"]),
        .. Services.Select(s => ($"{s}.work", ExchangeType.Fanout, new[] { s }, new[] { s }, new[] { s })),
        ("partner.globex.orders", ExchangeType.Fanout, [], ["orders", "inventory"], []),   // to bind a partner's queue for a replay
        ("outsiders.own", ExchangeType.Fanout, [], Services, []),   // the same for those who are no partner
        ("amq.topic", ExchangeType.Topic, [], [], []),
    ];

    private static IEnumerable<(string Exchange, string Type, string[] Configure, string[] Write, string[] Read)> All => Others.Concat(
        ShopContracts.Catalogue.All.Select(e => (e.Type, ExchangeType.Fanout, Publishers(e), Publishers(e), Services)));

    [Fact]
    public async Task Holds_for_every_exchange()
    {
        var findings = new List<string>();
        await MakeAllAsync();
        foreach (var service in Services)
        {
            var connection = await broker.ConnectAsync(service);
            await OwnAsync(connection, $"{service}.own");
            foreach (var (exchange, type, configure, write, read) in All)
            {
                await CheckAsync("declare", configure, channel => channel.ExchangeDeclareAsync(exchange, type, durable: true));
                await CheckAsync("delete", configure, channel => channel.ExchangeDeleteAsync(exchange, ifUnused: true), except: 406);
                await CheckAsync("publish to", write, channel => channel.BasicPublishAsync(exchange, RoutingKey(service), "{}"u8.ToArray()).AsTask());
                await CheckAsync("lead into", write, channel => channel.ExchangeBindAsync(exchange, $"{service}.own", "x"));
                await CheckAsync("listen to", read, channel => channel.QueueBindAsync($"{service}.own", exchange, "x"));

                async Task CheckAsync(string what, string[] allowed, Func<IChannel, Task> attempt, ushort except = 0)
                {
                    var refused = await RefusedAsync(connection, attempt);
                    if ((refused is null || refused == except) != allowed.Contains(service) || (refused is not null && refused != except && refused != 403))
                    {
                        findings.Add($"{service} {(refused is null ? "may" : $"may not ({refused})")} {what} {exchange}");
                    }
                }
            }
        }

        findings.ShouldBeEmpty();
    }

    [Fact]
    public async Task Holds_for_every_routing_key_of_the_exchange_that_gets_all()
    {
        var findings = new List<string>();
        foreach (var service in Services)
        {
            var connection = await broker.ConnectAsync(service);
            foreach (var contract in ShopContracts.Catalogue.All)
            {
                var refused = await RefusedAsync(
                    connection, channel => channel.BasicPublishAsync(ShopContracts.Exchanges.AllEvents, contract.Type, "{}"u8.ToArray()).AsTask());
                if ((refused is null) != Publishers(contract).Contains(service))
                {
                    findings.Add($"{service} {(refused is null ? "may" : "may not")} publish {contract.Type} to {ShopContracts.Exchanges.AllEvents}");
                }
            }
        }

        findings.ShouldBeEmpty();
    }

    [Fact]
    public void Begins_with_the_exchange_of_every_event_and_what_binds_it()
    {
        using var definitions = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("deploy/rabbitmq/definitions.json")));
        var exchanges = definitions.RootElement.GetProperty("exchanges").EnumerateArray().Select(e => $"{Text(e, "type")} {Text(e, "name")}").ToList();
        var bindings = definitions.RootElement.GetProperty("bindings").EnumerateArray()
            .Select(b => $"{Text(b, "source")} to {Text(b, "destination_type")} {Text(b, "destination")} by {Text(b, "routing_key")}").ToList();
        const string why = "docs/how-to/add-an-event.md: nobody but the owner may make the exchange, and its consumers may start first.";
        exchanges.ShouldBe(
            [
                .. exchanges.Where(e => !e.StartsWith("fanout shop.", StringComparison.Ordinal) || e == "fanout shop.unrouted"),
                .. ShopContracts.Catalogue.All.Select(e => $"fanout {e.Type}"),
            ],
            ignoreOrder: true,
            why);
        bindings.ShouldBe(
            [
                "shop.unrouted to queue shop.unrouted by ",
                .. ShopContracts.Catalogue.All.Select(e => $"{e.Type} to exchange shop.events by {e.Type}"),
                .. ShopContracts.Catalogue.All.Select(e => $"shop.returned to exchange {e.Type} by {e.Type}"),
            ],
            ignoreOrder: true,
            why);
    }

    private static string Text(JsonElement item, string member) => item.GetProperty(member).GetString()!;

    private static string[] Publishers(BoundaryEventDescriptor contract) => contract.Publisher == EventCatalogue.EveryService ? Services : [contract.Publisher];

    // One that the service may use at the topic exchange; the keys have a test of their own.
    private static string RoutingKey(string service) => ShopContracts.Catalogue.PublishedBy(service).First().Type;

    private async Task MakeAllAsync()
    {
        await using var connection = await broker.ConnectAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("keep", durable: true, exclusive: false, autoDelete: false);
        foreach (var (exchange, type, _, _, _) in All)
        {
            await channel.ExchangeDeclareAsync(exchange, type, durable: true);
            await channel.QueueBindAsync("keep", exchange, "never");   // in use, so that no test deletes it for the next
        }
    }

    private static async Task OwnAsync(IConnection connection, string name)
    {
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(name, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false);
    }

    /// <summary>The broker's reply code, or null when it went through.</summary>
    private static async Task<ushort?> RefusedAsync(IConnection connection, Func<IChannel, Task> attempt)
    {
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        try
        {
            await attempt(channel);
            return null;
        }
        catch (OperationInterruptedException e)
        {
            return e.ShutdownReason?.ReplyCode;
        }
    }
}
