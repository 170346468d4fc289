using System.Text.Json;
using Chassis.Testing;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Services;

namespace Provisioning.Tests;

/// <summary>The rights that <c>deploy/rabbitmq</c> gives to the services, tried on a real broker.</summary>
public sealed class A_services_broker_user(Broker broker) : IClassFixture<Broker>
{
    private static readonly string[] Services = [.. Service.Of(Repository.Root).Where(s => !s.Stateless).Select(s => s.Name)];

    public static TheoryData<string, string> Pairs
    {
        get
        {
            var pairs = new TheoryData<string, string>();
            foreach (var (service, other) in from s in Services from o in Services where s != o select (s, o))
            {
                pairs.Add(service, other);
            }

            return pairs;
        }
    }

    public static TheoryData<string> Each => [.. Services];

    [Theory]
    [MemberData(nameof(Each))]
    public async Task Works_with_its_own_queues_and_hears_what_others_publish(string service)
    {
        const string registered = "shop.user.registered.v1";
        var connection = await broker.ConnectAsync(service);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync($"{service}.ear", durable: true, exclusive: false, autoDelete: false);
        await channel.ExchangeDeclareAsync($"{service}.ear", ExchangeType.Fanout, durable: true);
        await channel.QueueBindAsync($"{service}.ear", $"{service}.ear", "");
        await channel.ExchangeBindAsync($"{service}.ear", registered, "");
        await channel.QueueBindAsync($"{service}.ear", "shop.events", "shop.#");
        (await RefusedAsync(
            await broker.ConnectAsync("users"), users => users.BasicPublishAsync(registered, registered, "{}"u8.ToArray()).AsTask())).ShouldBeNull();
        (await channel.BasicGetAsync($"{service}.ear", autoAck: true)).ShouldNotBeNull();
    }

    [Theory]
    [MemberData(nameof(Each))]
    public async Task Signs_with_its_own_name_and_no_other(string service)
    {
        var connection = await broker.ConnectAsync(service);
        (await RefusedAsync(connection, channel => channel.BasicPublishAsync(
            "shop.system.service-started.v1",
            "",
            mandatory: false,
            new BasicProperties { UserId = TestVhost.Account },
            "{}"u8.ToArray()).AsTask())).ShouldBe((ushort)406);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Cannot_touch_another_services_queues(string service, string other)
    {
        var queue = $"{other}.secrets";
        await using (var channel = await (await broker.ConnectAsync(other)).CreateChannelAsync())
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true);
            await channel.QueueBindAsync(queue, queue, "");
        }

        var connection = await broker.ConnectAsync(service);
        await MustRefuseAsync(connection, "consume", channel => channel.BasicConsumeAsync(queue, autoAck: true, new AsyncDefaultBasicConsumer(channel)));
        await MustRefuseAsync(connection, "get", channel => channel.BasicGetAsync(queue, autoAck: true));
        await MustRefuseAsync(connection, "purge", channel => channel.QueuePurgeAsync(queue));
        await MustRefuseAsync(connection, "delete the queue", channel => channel.QueueDeleteAsync(queue));
        await MustRefuseAsync(
            connection, "declare a queue", channel => channel.QueueDeclareAsync($"{other}.more", durable: true, exclusive: false, autoDelete: false));
        await MustRefuseAsync(connection, "delete the exchange", channel => channel.ExchangeDeleteAsync(queue));
        await MustRefuseAsync(connection, "bind", channel => channel.QueueBindAsync(queue, "amq.fanout", ""));
        await MustRefuseAsync(connection, "publish", channel => PublishAsync(channel, queue));
        await MustRefuseAsync(connection, "publish by the default exchange", channel => channel.BasicPublishAsync("", queue, "{}"u8.ToArray()).AsTask());
    }

    [Fact]
    public async Task Of_orders_may_send_commands_to_inventory_and_not_read_them()
    {
        await using (var channel = await (await broker.ConnectAsync("inventory")).CreateChannelAsync())
        {
            await channel.ExchangeDeclareAsync("inventory.commands", ExchangeType.Fanout, durable: true);
            await channel.QueueDeclareAsync("inventory.commands", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync("inventory.commands", "inventory.commands", "");
        }

        var orders = await broker.ConnectAsync("orders");
        (await RefusedAsync(orders, channel => PublishAsync(channel, "inventory.commands"))).ShouldBeNull();
        await MustRefuseAsync(orders, "read commands", channel => channel.BasicGetAsync("inventory.commands", autoAck: true));

        var users = await broker.ConnectAsync("users");
        await MustRefuseAsync(users, "send commands", channel => PublishAsync(channel, "inventory.commands"));
    }

    [Fact]
    public async Task Of_users_may_ask_notifications_for_mails_with_links_and_nobody_else_may()
    {
        await using (var channel = await (await broker.ConnectAsync("notifications")).CreateChannelAsync())
        {
            await channel.ExchangeDeclareAsync("notifications.commands", ExchangeType.Fanout, durable: true);
            await channel.QueueDeclareAsync("notifications.commands", durable: true, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync("notifications.commands", "notifications.commands", "");
        }

        var users = await broker.ConnectAsync("users");
        (await RefusedAsync(users, channel => PublishAsync(channel, "notifications.commands"))).ShouldBeNull();
        await MustRefuseAsync(users, "read commands", channel => channel.BasicGetAsync("notifications.commands", autoAck: true));
        foreach (var service in (string[])["orders", "inventory"])
        {
            await MustRefuseAsync(await broker.ConnectAsync(service), "send commands", channel => PublishAsync(channel, "notifications.commands"));
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Replays_to_another_services_queue_through_the_exchange_that_its_owner_has_bound(string service, string other)
    {
        var queue = $"{other}.view-for-{service}";
        await using var owner = await (await broker.ConnectAsync(other)).CreateChannelAsync();
        await owner.ExchangeDeclareAsync("shop.replay", ExchangeType.Direct, durable: true);
        await owner.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        await owner.QueueBindAsync(queue, "shop.replay", queue);

        var connection = await broker.ConnectAsync(service);
        (await RefusedAsync(connection, async channel =>
        {
            await channel.ExchangeDeclareAsync("shop.replay", ExchangeType.Direct, durable: true);
            await channel.QueueDeclarePassiveAsync(queue);
            await channel.BasicPublishAsync("shop.replay", queue, mandatory: true, new BasicProperties(), "{}"u8.ToArray());
        })).ShouldBeNull();
        (await owner.BasicGetAsync(queue, autoAck: true)).ShouldNotBeNull();
    }

    [Fact]
    public void Is_no_administrator()
    {
        using var definitions = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("deploy/rabbitmq/definitions.json")));
        foreach (var service in Services)
        {
            definitions.RootElement.GetProperty("users").EnumerateArray().Single(u => u.GetProperty("name").GetString() == service)
                .GetProperty("tags").GetArrayLength().ShouldBe(0, service);
        }
    }

    private static Task PublishAsync(IChannel channel, string exchange) => channel.BasicPublishAsync(exchange, "", "{}"u8.ToArray()).AsTask();

    private static async Task MustRefuseAsync(IConnection connection, string what, Func<IChannel, Task> attempt) =>
        (await RefusedAsync(connection, attempt)).ShouldBe((ushort)403, $"must not {what}");

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

/// <summary>A virtual host with the services' users, under names of the test's own and with the rights of <c>deploy/rabbitmq</c>.</summary>
public sealed class Broker : LazyFixture
{
    private readonly Dictionary<string, IConnection> _connections = [];
    private TestVhost? _vhost;

    public Uri Uri => _vhost!.Uri;

    /// <summary>With every right.</summary>
    public Task<IConnection> ConnectAsync() => new ConnectionFactory { Uri = _vhost!.Uri }.CreateConnectionAsync();

    public override async ValueTask InitializeAsync()
    {
        _vhost = await TestVhost.CreateAsync();
        await _vhost.KeepUnroutedAsync();
    }

    public async Task<IConnection> ConnectAsync(string service)
    {
        if (!_connections.TryGetValue(service, out var connection))
        {
            _connections[service] = connection = await new ConnectionFactory { Uri = await _vhost!.CreateServiceAccountAsync(service) }.CreateConnectionAsync();
        }

        return connection;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections.Values)
        {
            await connection.DisposeAsync();
        }

        if (_vhost is not null)
        {
            await _vhost.DisposeAsync();
        }
    }
}
