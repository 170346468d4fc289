using System.Text.Json;
using System.Text.RegularExpressions;
using Chassis.Messaging;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using Contracts.Events;
using Contracts.Events.Platform.V1;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>What somebody deletes on the broker comes back whole while the service runs, and loses as little as can be.</summary>
public sealed class TopologyTests(TopologyTests.Fixture fixture) : IClassFixture<TopologyTests.Fixture>
{
    private const string Event = "shop.order.cancelled.v1";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("binding")]
    [InlineData("queue")]
    [InlineData("exchange")]
    public async Task What_was_deleted_comes_back_with_its_bindings(string what)
    {
        await using var channel = await fixture.OpenChannelAsync();
        await fixture.WatchedAsync();
        switch (what)
        {
            case "binding":
                await channel.ExchangeUnbindAsync(WorkQueues.Cancelled, Event, string.Empty, cancellationToken: Token);
                break;
            case "queue":
                await channel.QueueDeleteAsync(WorkQueues.Cancelled, cancellationToken: Token);
                break;
            default:
                await DeleteUntilToldAsync(channel, WorkQueues.Cancelled);
                break;
        }

        await Poll.UntilAsync(
            async () => (await fixture.Vhost.GetAsync("bindings")).EnumerateArray()
                .Where(b => b.GetProperty("destination").GetString() == WorkQueues.Cancelled).Select(b => b.GetProperty("source").GetString()).ToList(),
            sources => new[] { Event, WorkQueues.Cancelled, "shop.replay" }.All(sources.Contains), "the bindings to be there again");
        var subject = Guid.CreateVersion7();
        await PublishAsync(subject);
        await Poll.UntilAsync(() => Effects(subject), n => n == 1, "the event to be handled");
    }

    [Fact]
    public async Task Events_that_reached_nobody_while_a_binding_was_missing_are_delivered_once()
    {
        await using var channel = await fixture.OpenChannelAsync();
        await fixture.WatchedAsync();
        var (subjects, unwanted) = (Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToList(), Guid.CreateVersion7());

        // Nobody has bound to the events of products here: they stay where they are.
        var raw = new BasicProperties { MessageId = unwanted.ToString() };
        await channel.BasicPublishAsync("shop.unrouted", "shop.product.added.v1", false, raw, "{}"u8.ToArray(), Token);
        await channel.ExchangeUnbindAsync(WorkQueues.Cancelled, Event, string.Empty, cancellationToken: Token);
        await channel.ExchangeUnbindAsync(ShopContracts.Exchanges.AllEvents, Event, Event, cancellationToken: Token);
        foreach (var subject in subjects)
        {
            await channel.BasicPublishAsync(
                Event, Event, false, Cancelled(subject), JsonSerializer.SerializeToUtf8Bytes(Events.Cancelled(subject), ContractJson.Options), Token);
        }

        foreach (var subject in subjects)
        {
            await Poll.UntilAsync(() => Effects(subject), n => n == 1, "the event to be handled");
        }

        await Poll.UntilAsync(
            async () => (await channel.BasicGetAsync("shop.unrouted", autoAck: true, Token))?.BasicProperties.MessageId == unwanted.ToString(),
            "what nobody wants to be left");
        foreach (var subject in subjects)
        {
            (await Effects(subject)).ShouldBe(1);
        }
    }

    [Fact]
    public async Task What_is_ignored_is_so_again_when_somebody_has_deleted_the_binding_and_nothing_is_left_of_what_came_meanwhile()
    {
        const string type = "shop.stock.low.v1";
        const string pattern = "shop.stock.#";
        await using var channel = await fixture.OpenChannelAsync();
        await fixture.WatchedAsync();
        await Topology.DeclareEventAsync(channel, ShopContracts.Exchanges, type, Token);
        var subscriptions = fixture.Services.GetRequiredService<IChangingSubscriptions>();
        await subscriptions.IgnoreAsync("work.ignored", pattern, ignored: true, Token);

        await channel.ExchangeUnbindAsync("work.ignored", ShopContracts.Exchanges.AllEvents, pattern, cancellationToken: Token);
        var raw = new BasicProperties { MessageId = Guid.CreateVersion7().ToString() };
        await channel.BasicPublishAsync("shop.unrouted", type, false, raw, "{}"u8.ToArray(), Token);
        await Poll.UntilAsync(PatternsAsync, patterns => patterns.Contains(pattern), "the binding to come back");
        await Poll.UntilAsync(async () => await fixture.Vhost.WaitingAsync("shop.unrouted"), types => !types.Contains(type), "the event to be gone");

        await subscriptions.IgnoreAsync("work.ignored", pattern, ignored: false, Token);
        (await PatternsAsync()).ShouldNotContain(pattern);

        async Task<List<string?>> PatternsAsync() =>
            [
                .. (await fixture.Vhost.GetAsync("bindings")).EnumerateArray()
                    .Where(b => b.GetProperty("destination").GetString() == "work.ignored").Select(b => b.GetProperty("routing_key").GetString()),
            ];
    }

    [Fact]
    public async Task Events_whose_exchange_was_deleted_wait_until_consumers_have_bound_to_it_again()
    {
        const string own = "shop.system.service-started.v1";
        await using var channel = await fixture.OpenChannelAsync();
        await fixture.WatchedAsync();
        await channel.ExchangeDeleteAsync(own, cancellationToken: Token);
        var id = Guid.CreateVersion7();
        await using (var scope = fixture.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(
                new ServiceStarted("work", id, "1", DateTimeOffset.UtcNow), 1, Token);
            await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
        }

        // A consumer looks as often as everybody does.
        await channel.QueueDeclareAsync("late.consumer", durable: false, exclusive: false, autoDelete: false, cancellationToken: Token);
        await Poll.UntilAsync(
            async () =>
            {
                await using var attempt = await fixture.OpenChannelAsync();
                try
                {
                    await attempt.QueueBindAsync("late.consumer", own, string.Empty, cancellationToken: Token);
                    return true;
                }
                catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
                {
                    return false;
                }
            },
            "the exchange to be there again");
        var message = await Poll.UntilAsync(async () => await channel.BasicGetAsync("late.consumer", autoAck: true, Token), m => m is not null, "the event");
        System.Text.Encoding.UTF8.GetString(message!.Body.Span).ShouldContain(id.ToString());
        (await fixture.ReadyAsync()).ShouldContain(own);    // also when whoever sent something there was the first to notice
    }

    [Fact]
    public async Task Everything_that_was_made_again_is_told_and_not_only_the_last()
    {
        const string own = "shop.system.service-started.v1";   // nobody but the watch makes it again: an endpoint that lost its queue makes all that belongs to that
        await using var channel = await fixture.OpenChannelAsync();
        await fixture.WatchedAsync();
        await DeleteUntilToldAsync(channel, WorkQueues.Commands);
        await DeleteUntilToldAsync(channel, own);
        await Poll.UntilAsync(
            async () => (await fixture.Vhost.GetAsync("exchanges")).EnumerateArray().Any(e => e.GetProperty("name").GetString() == own),
            "the second to be made again");
        (await fixture.ReadyAsync()).ShouldContain(WorkQueues.Commands);
    }

    [Fact]
    public void What_goes_to_a_deleted_exchange_waits_until_consumers_had_time_since_it_was_made_however_late_that_was()
    {
        var clock = new FakeTimeProvider();
        var interval = TimeSpan.FromSeconds(10);
        var vanished = new VanishedExchanges(Options.Create(new MessagingOptions { TopologyInterval = interval }), clock);
        vanished.Found(Event);
        clock.Advance(TimeSpan.FromSeconds(1));
        vanished.Lost(Event);                       // by whoever sends there, soon after a look
        vanished.MayBeMade(Event).ShouldBeFalse();
        clock.Advance(interval - TimeSpan.FromSeconds(1));
        vanished.MayBeMade(Event).ShouldBeFalse();  // a look, and too early
        clock.Advance(interval + TimeSpan.FromSeconds(2));
        vanished.MayBeMade(Event).ShouldBeTrue();   // the next one takes a little longer
        vanished.Found(Event);
        clock.Advance(interval * 2 - TimeSpan.FromSeconds(1));
        vanished.IsHeld(Event).ShouldBeTrue();      // a consumer looks just before this
        vanished.Lost(Event);
        clock.Advance(interval * 5);
        vanished.IsHeld(Event).ShouldBeTrue();      // deleted again
        vanished.Found(Event);
        clock.Advance(interval * 2);
        vanished.IsHeld(Event).ShouldBeFalse();
    }

    private static BasicProperties Cancelled(Guid subject) => new()
    {
        ContentType = "application/json",
        MessageId = subject.ToString(),
        UserId = TestVhost.Account,
        Persistent = true,
        Headers = new CloudEventEnvelope(subject.ToString(), "urn:test", Event, DateTimeOffset.UtcNow, subject.ToString()).ToHeaders().ToDictionary(
            h => h.Key, h => (object?)h.Value),
    };

    /// <summary>
    /// Deletes an exchange and waits until health tells. A look that has just gone by it makes it again without having missed it: then it is deleted once more.
    /// Of a queue the transport may have made it again before anybody looked, and that a binding is missing, the broker tells nobody.
    /// </summary>
    private Task<string> DeleteUntilToldAsync(IChannel channel, string exchange) => Poll.UntilAsync(
        async () =>
        {
            await channel.ExchangeDeleteAsync(exchange, cancellationToken: Token);
            return await fixture.ReadyAsync();
        },
        ready => Regex.IsMatch(ready, $@"Deleted by somebody and made again: .*{Regex.Escape(exchange)}[,.]"),   // the exchange, not "work.cancelled (queue)"
        $"health to tell of {exchange}");

    private async Task PublishAsync(Guid subject)
    {
        await using var scope = fixture.Services.CreateAsyncScope();
        await scope.ServiceProvider.PublishCancelled(subject, 1);
        await scope.ServiceProvider.GetRequiredService<WorkDatabase>().SaveChangesAsync(Token);
    }

    private Task<long> Effects(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'cancelled'");

    public sealed class Fixture : OpsFixture
    {
        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            await Vhost.KeepUnroutedAsync();
        }

        /// <summary>Waits for the first look, which binds queues for replays.</summary>
        public Task WatchedAsync() => Poll.UntilAsync(
            async () => (await Vhost.GetAsync("bindings")).EnumerateArray().Count(b => b.GetProperty("source").GetString() == "shop.replay") >= 3,
            "the first look at the topology");

        public async Task<string> ReadyAsync()
        {
            using var client = Anonymous();
            using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return await answer.Content.ReadAsStringAsync();
        }
    }
}
