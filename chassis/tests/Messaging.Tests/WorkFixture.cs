using System.Collections.Concurrent;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Messaging.Tests;

/// <summary>A fresh database and a fresh virtual host, and services on them.</summary>
public sealed class WorkFixture : LazyFixture
{
    private readonly ConcurrentBag<IHost> _hosts = [];
    private IConnection? _connection;

    public TestDatabase Database { get; private set; } = null!;

    public TestVhost Vhost { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync();
        Vhost = await TestVhost.CreateAsync();
        // More often than any test kills it.
        await Vhost.SetQueuePolicyAsync(WorkHost.Name, deliveryLimit: 100);
        using var host = WorkHost.Build(Database.Migrations, Vhost.Uri);
        await host.MigrateAsync();
    }

    /// <summary>Starts a service and waits until it is ready; it is stopped with the fixture at the latest.</summary>
    public async Task<IHost> StartAsync(
        Action<IBusRegistrationConfigurator>? bus = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        string name = WorkHost.Name,
        Action<IServiceCollection>? services = null)
    {
        var quick = new Dictionary<string, string?>
        {
            ["Messaging:Lease"] = "00:00:02",
            ["Messaging:SweepInterval"] = "00:00:00.200",
            ["Messaging:Retries:0"] = "00:00:00.020",
            ["Messaging:Retries:1"] = "00:00:00.020",
            ["Messaging:Retries:2"] = "00:00:00.020",
            ["Messaging:SendBackoff"] = "00:00:00.200",
            ["Messaging:ConsumerPatience"] = "00:10:00",
        };
        foreach (var (key, value) in settings ?? new Dictionary<string, string?>())
        {
            quick[key] = value;
        }

        var host = WorkHost.Build(Database.Migrations, Vhost.Uri, bus, quick, name, services);
        _hosts.Add(host);
        await host.StartAsync();
        await host.Services.UntilReadyAsync();
        return host;
    }

    /// <summary>
    /// A channel to look at the broker with, and to play an outsider. A message is sent when the broker has confirmed it: without, a quorum queue forgets what
    /// is still on its way to it when the channel ends, however politely (RabbitMQ 3.10: 3 of 4,800 messages of twelve publishers on a busy machine).
    /// </summary>
    public async Task<IChannel> OpenChannelAsync()
    {
        _connection ??= await new ConnectionFactory { Uri = Vhost.Uri }.CreateConnectionAsync();
        return await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
    }

    /// <summary>Everything that arrives on an outsider's queue.</summary>
    public async Task<ConcurrentQueue<BasicDeliverEventArgs>> ListenAsync(string exchange, string routingKey = "", bool declare = false)
    {
        var channel = await OpenChannelAsync();
        if (declare)
        {
            await channel.ExchangeDeclareAsync(exchange, ExchangeType.Topic, durable: true);
        }

        var queue = await channel.QueueDeclareAsync();
        await channel.QueueBindAsync(queue.QueueName, exchange, routingKey);
        return await ListenToQueueAsync(channel, queue.QueueName);
    }

    public static async Task<ConcurrentQueue<BasicDeliverEventArgs>> ListenToQueueAsync(IChannel channel, string queue)
    {
        var received = new ConcurrentQueue<BasicDeliverEventArgs>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            received.Enqueue(new BasicDeliverEventArgs(
                e.ConsumerTag, e.DeliveryTag, e.Redelivered, e.Exchange, e.RoutingKey, new BasicProperties(e.BasicProperties), e.Body.ToArray()));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        return received;
    }

    public async Task<bool> HasQueueAsync(string queue) => await ConsumersOfAsync(queue) is not null;

    /// <summary>Whether somebody consumes from the queue: only then is it bound to everything that it is to get. That it exists says less.</summary>
    public async Task<bool> IsConsumedAsync(string queue) => await ConsumersOfAsync(queue) > 0;

    private async Task<uint?> ConsumersOfAsync(string queue)
    {
        await using var channel = await OpenChannelAsync();
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue)).ConsumerCount;
        }
        catch (OperationInterruptedException)
        {
            return null;
        }
    }

    public Task<long> OutboxRows() => Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox");

    public override async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.StopAsync();
            host.Dispose();
        }

        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        if (Vhost is not null)
        {
            await Vhost.DisposeAsync();
        }

        if (Database is not null)
        {
            await Database.DisposeAsync();
        }
    }
}
