using Chassis.Messaging;
using Chassis.Testing;
using Contracts.Events;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

namespace Messaging.Tests;

/// <summary>What a queue takes changes from version to version, and while a service runs.</summary>
public sealed class SubscriptionsTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string Queue = "work.changing";
    private static readonly string Cancelled = ShopContracts.Catalogue.Find(typeof(OrderCancelled))!.Type;

    private static readonly string Completed = ShopContracts.Catalogue.Find(typeof(OrderCompleted))!.Type;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_an_earlier_version_took_is_left_and_what_still_comes_of_it_is_dropped()
    {
        await using var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeDeclareAsync(Cancelled, ExchangeType.Fanout, durable: true, cancellationToken: Token);
        await channel.ExchangeDeclareAsync(Queue, ExchangeType.Fanout, durable: true, cancellationToken: Token);
        await channel.ExchangeBindAsync(Queue, Cancelled, string.Empty, cancellationToken: Token);

        var host = await fixture.StartAsync(bus => bus.AddConsumer<LaterVersion>().Endpoint(e => e.Name = Queue));
        await Poll.UntilAsync(() => fixture.IsConsumedAsync(Queue), "a consumer");
        await Poll.UntilAsync(async () => !(await SourcesAsync()).Contains(Cancelled), "the binding to be gone");

        var (old, current) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(old, 1);
            await database.SaveChangesAsync(Token);
        });
        var body = System.Text.Encoding.UTF8.GetBytes(await fixture.Database.ScalarAsync<string>(
            $"SELECT data::text FROM messaging.boundary_events WHERE subject = '{old}'"));
        await channel.ExchangeBindAsync(Queue, Cancelled, string.Empty, cancellationToken: Token);
        await PublishAsync(Cancelled);
        var strangers = await PublishAsync(Queue);
        await channel.SendRawAsync(Queue, Guid.CreateVersion7(), new DoWork(current, 1));

        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{current}'"),
            n => n == 1,
            "what comes after it to be handled");
        await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync(Queue) == 0, "an empty queue");
        (await fixture.Database.ScalarAsync<string>($"SELECT string_agg(message_id, ',') FROM messaging.dead_letters WHERE queue = '{Queue}'"))
            .ShouldBe(strangers, "what somebody has put into the queue itself is kept");

        async Task<string> PublishAsync(string exchange)
        {
            var id = Guid.CreateVersion7().ToString();
            var headers = new CloudEventEnvelope(id, "/test", Cancelled, TimeProvider.System.GetUtcNow(), old.ToString()).ToHeaders().ToDictionary(
                h => h.Key, h => (object?)h.Value);
            var properties = new BasicProperties { ContentType = "application/json", UserId = TestVhost.Account, MessageId = id, Headers = headers };
            await channel.BasicPublishAsync(exchange, string.Empty, mandatory: false, properties, body, Token);
            return id;
        }
    }

    [Fact]
    public async Task What_no_consumer_of_the_queue_takes_any_more_is_left_though_nobody_has_said_so()
    {
        var taken = ShopContracts.Catalogue.Find(typeof(OrderFailed))!.Type;
        await using var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeDeclareAsync("work.renewed", ExchangeType.Fanout, durable: true, cancellationToken: Token);
        foreach (var type in new[] { taken, Completed })
        {
            await channel.ExchangeDeclareAsync(type, ExchangeType.Fanout, durable: true, cancellationToken: Token);
            await channel.ExchangeBindAsync("work.renewed", type, string.Empty, cancellationToken: Token);
        }

        await fixture.StartAsync(bus => bus.AddConsumer<OnlyFailures>().Endpoint(e => e.Name = "work.renewed"));

        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.renewed"), "a consumer");
        await Poll.UntilAsync(async () => !(await BindingsAsync("work.renewed", "source")).Contains(Completed), "the binding to be gone");
        (await BindingsAsync("work.renewed", "source")).ShouldContain(taken);
    }

    [Fact]
    public async Task What_is_taken_while_the_service_runs_is_bound_when_that_returns_and_comes_back_when_somebody_deletes_it()
    {
        const string pattern = "shop.order.*.#";
        var settings = new Dictionary<string, string?> { ["Messaging:TopologyInterval"] = "00:00:00.500" };
        var host = await fixture.StartAsync(bus => bus.AddConsumer<LaterVersion>().Endpoint(e => e.Name = "work.open"), settings);
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.open"), "a consumer");
        var subscriptions = host.Services.GetRequiredService<IChangingSubscriptions>();
        await subscriptions.TakeAsync("work.open", [pattern], Token);
        (await KeysAsync()).ShouldContain(pattern);

        await using var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeUnbindAsync("work.open", ShopContracts.Exchanges.AllEvents, pattern, cancellationToken: Token);
        await Poll.UntilAsync(KeysAsync, keys => keys.Contains(pattern), "the binding to come back");

        await subscriptions.LeaveAsync("work.open", [pattern], Token);
        (await KeysAsync()).ShouldNotContain(pattern);
    }

    [Fact]
    public async Task Without_a_broker_nothing_can_be_taken_and_whoever_asks_is_told()
    {
        using var host = WorkHost.Build(fixture.Database.Migrations, new Uri("amqp://guest:guest@127.0.0.1:1/"));
        var refused = await Should.ThrowAsync<BrokerUnavailableException>(
            () => host.Services.GetRequiredService<IChangingSubscriptions>().TakeAsync("work.open", ["shop.#"], Token));
        refused.ToProblem().Status.ShouldBe(503);
    }

    private async Task<List<string>> SourcesAsync() => await BindingsAsync(Queue, "source");

    private async Task<List<string>> KeysAsync() => await BindingsAsync("work.open", "routing_key");

    private async Task<List<string>> BindingsAsync(string queue, string property) =>
        [
            .. (await fixture.Vhost.GetAsync("bindings"))
                .EnumerateArray()
                .Where(b => b.GetProperty("destination").GetString() == queue)
                .Select(b => b.GetProperty(property).GetString()!),
        ];

    private sealed class OnlyFailures : IConsumer<OrderFailed>
    {
        public Task Consume(ConsumeContext<OrderFailed> context) => Task.CompletedTask;
    }

    [NoLongerTakes(typeof(OrderCancelled))]
    private sealed class LaterVersion(WorkDatabase database) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context)
        {
            database.Add(new Effect { Subject = context.Message.Subject, Note = "done" });
            return Task.CompletedTask;
        }
    }
}
