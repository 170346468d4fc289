using Chassis.Messaging;
using Chassis.Messaging.Queues;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>Messages of one key are handled in the order in which they came to the broker, whoever of several replicas handles them.</summary>
public sealed class LanesTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string Queue = OrderedConsumer.Queue;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // The order in which messages leave is not what is tried here: nobody else takes over what a busy machine holds up.
    private static readonly Dictionary<string, string?> Undisturbed = new() { ["Messaging:Lease"] = "00:05:00" };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_key_keeps_its_order_over_several_replicas_of_which_one_dies_and_one_is_stopped()
    {
        const int each = 60;
        var sender = await fixture.StartAsync(settings: Undisturbed);
        Guid[] keys = [.. Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7())];
        using var first = WorkProcess.Start(fixture, settings: [("Lanes", "4"), ("Listener", "none")]);
        await LanesAsync(Queue, 4);
        var second = await StartAsync(Queue, 4);
        await StartAsync(Queue, 4);

        var sending = SendAsync(sender, Queue, keys, each);
        await Poll.UntilAsync(() => Done(Queue, keys), n => n >= keys.Length * each / 4, "a quarter of the effects", Patience);
        await first.KillAsync();
        await Poll.UntilAsync(() => Done(Queue, keys), n => n >= keys.Length * each / 2, "half of the effects", Patience);
        await second.StopAsync(Token);
        await sending;

        await InOrderAsync(Queue, keys, each);
    }

    [Fact]
    public async Task What_a_replica_has_in_hand_while_it_is_stopped_nothing_of_its_key_overtakes()
    {
        const string queue = "work.leaving";
        var sender = await fixture.StartAsync(settings: Undisturbed);
        var (leaving, key, gate) = (await StartAsync(queue, 1), Guid.CreateVersion7(), new TaskCompletionSource());
        await LanesAsync(queue, 1);
        var next = await StartAsync(queue, 1);
        OrderedConsumer.Hold(key, 1, gate.Task);
        await SendAsync(sender, queue, [key], 6);
        await Poll.UntilAsync(() => HasOneInHand(leaving, queue), "the first to be in work", Patience);

        var stopping = leaving.StopAsync(Token);
        await Poll.UntilAsync(() => HasOneInHand(next, queue), "the next replica to have something in hand", Patience);
        (await Done(queue, [key])).ShouldBe(0);
        gate.SetResult();
        await stopping;
        await InOrderAsync(queue, [key], 6);
    }

    [Theory]
    [InlineData("lane")]
    [InlineData("exchanges")]
    public async Task What_was_deleted_comes_back_and_keys_keep_their_order(string what)
    {
        var queue = $"work.deleted-{what}";
        var sender = await fixture.StartAsync(settings: Undisturbed);
        await StartAsync(queue, 3);
        await StartAsync(queue, 3);
        await LanesAsync(queue, 3);
        Guid[] keys = [.. Enumerable.Range(0, 24).Select(_ => Guid.CreateVersion7())];
        await SendAsync(sender, queue, keys, 5);
        await InOrderAsync(queue, keys, 5);

        await using var channel = await fixture.OpenChannelAsync();
        if (what == "lane")
        {
            await channel.QueueDeleteAsync($"{queue}.2", cancellationToken: Token);
        }
        else
        {
            await channel.ExchangeDeleteAsync(queue, cancellationToken: Token);
            await channel.ExchangeDeleteAsync($"{queue}.lanes", cancellationToken: Token);
        }

        await LanesAsync(queue, 3);
        await SendAsync(sender, queue, keys, 10, from: 6);
        await InOrderAsync(queue, keys, 10);
    }

    // RabbitMQ 3 gives nothing to those who read a queue that is there again before they were told that it was gone.
    [Fact]
    public async Task A_lane_that_was_deleted_is_made_again_when_its_readers_know_and_is_read()
    {
        const string queue = "work.at-once";
        var sender = await fixture.StartAsync(settings: Undisturbed);
        var eager = new Dictionary<string, string?> { ["Messaging:TopologyInterval"] = "00:00:00.200" };
        await StartAsync(queue, 1, settings: eager);
        await StartAsync(queue, 1, settings: eager);
        await LanesAsync(queue, 1);
        var key = Guid.CreateVersion7();
        await using var channel = await fixture.OpenChannelAsync();
        for (var number = 1; number <= 4; number++)
        {
            var since = TimeProvider.System.GetTimestamp();
            await channel.QueueDeleteAsync($"{queue}.1", cancellationToken: Token);
            await Poll.UntilAsync(() => fixture.HasQueueAsync($"{queue}.1"), "the lane to be there again", Patience);
            // Later ones may be made by whoever has missed the one before.
            if (number == 1)
            {
                TimeProvider.System.GetElapsedTime(since).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(400));
            }

            await LanesAsync(queue, 1);
            await SendAsync(sender, queue, [key], number, from: number);
            await InOrderAsync(queue, [key], number);
        }
    }

    [Fact]
    public async Task A_message_that_nobody_can_work_on_becomes_a_dead_letter_and_those_behind_it_come()
    {
        const string queue = "work.poisoned";
        var sender = await fixture.StartAsync(settings: Undisturbed);
        var host = await StartAsync(queue, 2);
        await LanesAsync(queue, 2);
        Guid[] keys = [.. Enumerable.Range(0, 6).Select(_ => Guid.CreateVersion7())];
        await SendAsync(sender, queue, keys, 3);
        await sender.InScope(async (scope, database) =>
        {
            await scope.SendWork(keys[0], -1, queue);
            await database.SaveChangesAsync(Token);
        });
        await SendAsync(sender, queue, keys, 6, from: 4);
        await InOrderAsync(queue, keys, 6);

        var letters = $"FROM messaging.dead_letters WHERE queue = '{queue}' AND headers->>'cloudEvents_subject' = '{keys[0]}'";
        await Poll.UntilAsync(() => fixture.Database.ScalarAsync<long>($"SELECT count(*) {letters}"), n => n == 1, "the dead letter", Patience);

        // Again, after the number of its lane has become another's.
        await host.StopAsync(Token);
        await fixture.Database.ExecuteAsync(
            $"""
            UPDATE messaging.dead_letters SET body = convert_to(regexp_replace(convert_from(body, 'UTF8'), '"number": *-1', '"number":7'), 'UTF8') WHERE queue = '{queue}'
            """);
        await StartAsync(queue, 5);
        await LanesAsync(queue, 5);
        var id = await fixture.Database.ScalarAsync<Guid>($"SELECT id {letters}");
        await fixture.Database.ExecuteAsync(
            $"""
            INSERT INTO messaging.retries (id, stop_on_same_failure, status, total, started_at, started_by, next_at) VALUES ('{id}', false, 'running', 1, now(), 'operator', now());
            UPDATE messaging.dead_letters SET waits_for = id WHERE id = '{id}';
            INSERT INTO messaging.retried_messages (retry_id, place, dead_letter_id, message_id, message_type, queue, fingerprint, outcome, at)
            SELECT id, 1, id, message_id, message_type, queue, fingerprint, 'waiting', now() FROM messaging.dead_letters WHERE id = '{id}';
            """);
        await InOrderAsync(queue, [keys[0]], 7);
    }

    [Fact]
    public async Task A_replica_that_stands_by_is_not_taken_for_stuck()
    {
        const string queue = "work.slow";
        var sender = await fixture.StartAsync(settings: Undisturbed);
        var quick = new Dictionary<string, string?> { ["Messaging:ProgressPatience"] = "00:00:05" };
        var first = await StartAsync(queue, 1, settings: quick);
        await LanesAsync(queue, 1);
        var second = await StartAsync(queue, 1, settings: quick);
        var key = Guid.CreateVersion7();
        const int count = 40;
        for (var number = 1; number <= count; number++)
        {
            OrderedConsumer.Hold(key, number, Task.Delay(TimeSpan.FromMilliseconds(500 * number), Token));
        }

        await SendAsync(sender, queue, [key], count);
        await InOrderAsync(queue, [key], count);
        IsEnding(first).ShouldBeFalse();
        IsEnding(second).ShouldBeFalse("it has settled nothing for 20 s while there was work, since all of it was the other's");
    }

    [Fact]
    public async Task Fewer_lanes_are_changed_to_and_the_former_ones_are_read_until_they_are_empty()
    {
        const string queue = "work.fewer";
        var before = await StartAsync(queue, 4);
        await LanesAsync(queue, 4);
        await before.StopAsync(Token);
        var (key, forgotten) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync($"{queue}.3", Guid.CreateVersion7(), new DoWork(key, 1));
        await channel.SendRawAsync($"{queue}.4", Guid.CreateVersion7(), new DoWork(forgotten, 1));

        await StartAsync(queue, 2, formerly: 3);
        await InOrderAsync(queue, [key], 1);
        await Poll.UntilAsync(() => BoundAsync(queue), lanes => lanes.SequenceEqual([$"{queue}.1", $"{queue}.2"]), "the former ones to get nothing more", Patience);
        (await Done(queue, [forgotten])).ShouldBe(0);
        var sender = await fixture.StartAsync(settings: Undisturbed);
        Guid[] keys = [.. Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7())];
        await SendAsync(sender, queue, keys, 4);
        await InOrderAsync(queue, keys, 4);
    }

    [Fact]
    public async Task The_rights_of_a_service_are_enough_and_what_it_sends_itself_takes_the_same_way()
    {
        const string service = "orders";
        const string queue = "orders.ordered";
        using var host = WorkHost.Build(
            fixture.Database.Migrations, await fixture.Vhost.CreateServiceAccountAsync(service),
            bus => bus.AddOrderedConsumer<OrderedConsumer>(queue, 3), Undisturbed, service);
        await host.StartAsync(Token);
        await LanesAsync(queue, 3);
        Guid[] keys = [.. Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7())];
        await SendAsync(host, queue, keys, 10);
        await InOrderAsync(queue, keys, 10);
        await host.StopAsync(Token);
    }

    [Fact]
    public void A_consumer_without_an_inbox_is_refused() =>
        Should.Throw<ArgumentException>(() => WorkHost.Build(
            fixture.Database.Migrations, fixture.Vhost.Uri, bus => bus.AddOrderedConsumer<Uninboxed>("work.none", 2)));

    private Task<IHost> StartAsync(string queue, int lanes, int formerly = 0, Dictionary<string, string?>? settings = null) => fixture.StartAsync(
        bus => bus.AddOrderedConsumer<OrderedConsumer>(queue, lanes, formerly),
        settings?.ContainsKey("Messaging:TopologyInterval") == true
            ? settings
            : new Dictionary<string, string?>(settings ?? []) { ["Messaging:TopologyInterval"] = "00:00:01" });

    /// <summary>Of every key an event and a command by turns, each in a transaction of its own.</summary>
    private static Task SendAsync(IHost host, string queue, Guid[] keys, int to, int from = 1) => Parallel.ForEachAsync(
        keys,
        new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Token },
        async (key, ct) =>
        {
            for (var number = from; number <= to; number++)
            {
                await host.InScope(async (scope, database) =>
                {
                    await (number % 2 == 0 && queue == Queue ? scope.PublishCancelled(key, number) : scope.SendWork(key, number, queue));
                    await database.SaveChangesAsync(ct);
                });
            }
        });

    private async Task InOrderAsync(string queue, Guid[] keys, int each)
    {
        await Poll.UntilAsync(() => Done(queue, keys), n => n >= (long)keys.Length * each, "every message to have its effect", Patience);
        foreach (var key in keys)
        {
            (await fixture.Database.ScalarAsync<int[]>($"SELECT array_agg(number ORDER BY id) FROM effects WHERE subject = '{key}' AND note = '{queue}'"))
                .ShouldBe(Enumerable.Range(1, each));
        }
    }

    private Task<long> Done(string queue, Guid[] keys) => fixture.Database.ScalarAsync<long>(
        $"SELECT count(*) FROM effects WHERE note = '{queue}' AND subject IN ('{string.Join("', '", keys)}')");

    /// <summary>Waits until all lanes are read and everything leads to them.</summary>
    private async Task LanesAsync(string queue, int count)
    {
        for (var number = 1; number <= count; number++)
        {
            var lane = $"{queue}.{number}";
            await Poll.UntilAsync(() => fixture.IsConsumedAsync(lane), $"{lane} to be read", Patience);
        }

        await Poll.UntilAsync(() => BoundAsync(queue), lanes => lanes.Count == count, "all lanes to be bound", Patience);
        await Poll.UntilAsync(
            async () => (await fixture.Vhost.GetAsync("bindings")).EnumerateArray().Any(b =>
                b.GetProperty("source").GetString() == "shop.replay" && b.GetProperty("destination").GetString() == queue),
            $"{queue} to be bound to replays", Patience);
    }

    private async Task<IReadOnlyList<string>> BoundAsync(string queue) =>
        [.. (await fixture.Vhost.GetAsync("bindings")).EnumerateArray()
            .Where(b => b.GetProperty("source").GetString() == $"{queue}.lanes").Select(b => b.GetProperty("destination").GetString()!).Order()];

    private static bool HasOneInHand(IHost host, string queue) => host.Services.GetRequiredService<Deliveries>().InFlight($"{queue}.1").Count == 1;

    private static bool IsEnding(IHost host) => host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;

    [OwnTransaction]
    private sealed class Uninboxed : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context) => Task.CompletedTask;
    }
}
