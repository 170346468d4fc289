using System.Collections.Concurrent;
using Chassis;
using Chassis.Messaging.Model;
using Chassis.Messaging.Relay;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>A queue that cannot confirm, as one that has lost its majority, holds up what goes to it and nothing else.</summary>
public sealed class UnconfirmedTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static readonly Dictionary<string, string?> Patient = new()
    {
        ["Messaging:ConfirmPatience"] = "00:00:02", ["Messaging:Lease"] = "00:00:04", ["Messaging:SendAttempts"] = "2",
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The broker's channel has not met the queue before, and waits for it from the first message on; behind it nothing is handled at all.</summary>
    [Fact]
    public async Task A_queue_that_never_confirms_holds_up_its_own_messages_only()
    {
        var (stopped, live) = (await DeclareAsync("work.stopped"), await DeclareAsync("work.live"));
        await using var suspended = await fixture.Vhost.SuspendAsync("work.stopped");
        var first = await fixture.StartAsync(settings: Patient);
        var second = await fixture.StartAsync(settings: Patient);

        await SendAsync(first, "work.stopped", 1, 200);
        await SendAsync(first, "work.live", 1, 500);
        await Poll.UntilAsync(() => live.Count >= 500, "what goes to other queues");
        await Poll.UntilAsync(() => Rows("work.stopped", "attempts >= 2"), n => n == 200, "two attempts at each");
        first.Gauge("messaging.outbox.unconfirmed_destinations").ShouldBe(1);
        await SendAsync(first, "work.live", 501, 500);
        await SendAsync(second, "work.live", 1_001, 500);
        await Poll.UntilAsync(
            () => live.Select(m => m.BasicProperties.MessageId).Distinct().Count() == 1_500, "what goes to other queues while one of them confirms nothing");

        (await Rows("work.stopped", "parked_at IS NULL")).ShouldBe(200, "nothing is put aside or lost.");
        stopped.ShouldBeEmpty();

        await suspended.DisposeAsync();
        await Poll.UntilAsync(
            () => stopped.Select(m => m.BasicProperties.MessageId).Distinct().Count() == 200, "what waited for the queue", TimeSpan.FromSeconds(40));
        await Poll.UntilAsync(() => Rows("work.stopped"), n => n == 0, "an empty outbox", TimeSpan.FromSeconds(40));
        await Poll.UntilAsync(() => first.Gauge("messaging.outbox.unconfirmed_destinations") is 0, "its messages to go where all others do");
        await SendAsync(first, "work.stopped", 201, 1);
        await Poll.UntilAsync(() => Rows("work.stopped"), n => n == 0, "an empty outbox");
        await Task.WhenAll(first.StopAsync(Token), second.StopAsync(Token));
    }

    /// <summary>The channel has met the queue before: what others get is confirmed meanwhile.</summary>
    [Fact]
    public async Task A_confirmation_that_comes_late_belongs_to_its_message()
    {
        await DeclareAsync("work.late");
        await DeclareAsync("work.prompt");
        using var host = WorkHost.Build(fixture.Database.Migrations, fixture.Vhost.Uri);
        var settled = new ConcurrentDictionary<OutboxRow, string>();
        await using var publisher = await OpenAsync(host, settled, window: ConfirmingPublisher.MaxInFlight);
        var (before, late) = (Row("work.late"), Row("work.late"));
        await publisher.PublishAsync(before, Token);
        await Poll.UntilAsync(() => settled.ContainsKey(before), "the first confirmation");

        await using var suspended = await fixture.Vhost.SuspendAsync("work.late");
        await publisher.PublishAsync(late, Token);
        OutboxRow[] prompt = [.. Enumerable.Range(0, ConfirmingPublisher.MaxInFlight + 100).Select(_ => Row("work.prompt"))];
        foreach (var row in prompt)
        {
            await publisher.PublishAsync(row, Token);
        }

        await Poll.UntilAsync(() => prompt.All(settled.ContainsKey), "more confirmations than can be under way at once");
        settled.ShouldNotContainKey(late);
        publisher.Holds(late).ShouldBeTrue();
        await suspended.DisposeAsync();
        await Poll.UntilAsync(() => settled.ContainsKey(late), "the late one");
        settled.Values.ShouldAllBe(outcome => outcome == "confirmed");
    }

    [Fact]
    public async Task What_is_under_way_is_not_claimed_by_anybody()
    {
        await DeclareAsync("work.held");
        await using var suspended = await fixture.Vhost.SuspendAsync("work.held");
        var settings = new Dictionary<string, string?> { ["Messaging:ConfirmPatience"] = "00:01:00", ["Messaging:Lease"] = "00:00:02" };
        var first = await fixture.StartAsync(settings: settings);
        var second = await fixture.StartAsync(settings: settings);
        await SendAsync(first, "work.held", 1, 5);
        var begin = await DueAsync();

        // Five leases: without renewal each of them, or the other replica, sends again.
        await Poll.UntilAsync(DueAsync, due => due > begin.AddSeconds(10), "the lease to be renewed");
        (first.Gauge("messaging.outbox.in_memory") + second.Gauge("messaging.outbox.in_memory")).ShouldBe(5);
        await suspended.DisposeAsync();
        await Poll.UntilAsync(() => Rows("work.held"), n => n == 0, "an empty outbox");
        await Task.WhenAll(first.StopAsync(Token), second.StopAsync(Token));

        Task<DateTime> DueAsync() => fixture.Database.ScalarAsync<DateTime>("SELECT min(due_at) FROM messaging.outbox WHERE exchange = 'work.held'");
    }

    /// <summary>Its row may have been put back, or be under way anew: it was delivered, and there is nothing left to do for it.</summary>
    [Fact]
    public async Task A_late_confirmation_of_what_was_given_up_is_the_end_of_it()
    {
        var taken = await DeclareAsync("work.given-up");
        await using var suspended = await fixture.Vhost.SuspendAsync("work.given-up");
        var host = await fixture.StartAsync(settings: new Dictionary<string, string?>(Patient) { ["Messaging:SendBackoff"] = "01:00:00" });
        await SendAsync(host, "work.given-up", 1, 10);
        await Poll.UntilAsync(
            () => Rows("work.given-up", "attempts = 1 AND due_at > now() + interval '1 minute'"), n => n == 10, "all to be put back for later");

        await suspended.DisposeAsync();
        await Poll.UntilAsync(() => Rows("work.given-up"), n => n == 0, "an empty outbox, long before anything is due");
        taken.Select(m => m.BasicProperties.MessageId).Distinct().Count().ShouldBe(10);
        await host.StopAsync(Token);
    }

    private static async Task SendAsync(IHost host, string queue, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            await host.InScope(async (scope, database) =>
            {
                await scope.SendWork(Guid.CreateVersion7(), i, queue);
                await database.SaveChangesAsync(Token);
            });
        }
    }

    private static Task<ConfirmingPublisher> OpenAsync(
        IHost host, ConcurrentDictionary<OutboxRow, string> settled, int window) => ConfirmingPublisher.OpenAsync(
        host.Services.GetRequiredService<BrokerConnection>(),
        connection => new Topology(
            connection,
            ShopContracts.Catalogue,
            host.Services.GetRequiredService<ServiceIdentity>(),
            host.Services.GetRequiredService<VanishedExchanges>(),
            TimeProvider.System),
        (row, error) => settled[row] = error ?? "confirmed",
        TimeProvider.System,
        Token,
        window);

    private static OutboxRow Row(string exchange) => new()
    {
        MessageId = Guid.CreateVersion7(),
        Exchange = exchange,
        RoutingKey = string.Empty,
        ContentType = "application/json",
        Headers = new Dictionary<string, string>(),
        Body = "{}"u8.ToArray(),
        Mandatory = true,
    };

    private Task<long> Rows(string exchange, string condition = "true") =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE exchange = '{exchange}' AND {condition}");

    private async Task<ConcurrentQueue<RabbitMQ.Client.Events.BasicDeliverEventArgs>> DeclareAsync(string queue)
    {
        var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true);
        await channel.QueueDeclareAsync(
            queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.QueueBindAsync(queue, queue, string.Empty);
        return await WorkFixture.ListenToQueueAsync(channel, queue);
    }
}
