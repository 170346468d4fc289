using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;

namespace Messaging.Tests;

/// <summary>A consumer's effects happen once per message id.</summary>
public sealed class InboxTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    [Fact]
    public async Task Copies_of_a_message_that_arrive_at_the_same_time_have_one_effect()
    {
        await fixture.StartAsync(bus => bus.AddWork());
        await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Commands), "a consumer");
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        var random = new Random(42);
        (Guid Id, int Number)[] messages = [.. Enumerable.Range(1, 100).Select(n => (Guid.CreateVersion7(), n))];
        var copies = messages.SelectMany(m => Enumerable.Repeat(m, 4)).ToArray();
        random.Shuffle(copies);
        foreach (var (id, number) in copies)
        {
            await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(subject, number));
        }

        await Poll.UntilAsync(() => Effects(subject, "cancelled"), n => n >= 100, "the effects of the events");
        await Poll.UntilAsync(async () => (await channel.QueueDeclarePassiveAsync(WorkQueues.Commands)).MessageCount == 0, "an empty queue");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        (await Effects(subject, "done")).ShouldBe(100);
        (await Effects(subject, "cancelled")).ShouldBe(100);
    }

    [Fact]
    public async Task Two_consumers_of_one_queue_each_handle_a_message_once()
    {
        await fixture.StartAsync(bus =>
        {
            bus.AddConsumer<FirstListener>().Endpoint(e => e.Name = "work.pair");
            bus.AddConsumer<SecondListener>().Endpoint(e => e.Name = "work.pair");
        });
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.pair"), "a consumer");
        await using var channel = await fixture.OpenChannelAsync();
        var (subject, id) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        for (var i = 0; i < 3; i++)
        {
            await channel.SendRawAsync("work.pair", id, new DoWork(subject, 1));
        }

        await Poll.UntilAsync(() => Effects(subject, "first"), n => n > 0, "an effect of the first");
        await Poll.UntilAsync(() => Effects(subject, "second"), n => n > 0, "an effect of the second");
        await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync("work.pair") == 0, "every copy to be acknowledged");
        (await Effects(subject, "first")).ShouldBe(1);
        (await Effects(subject, "second")).ShouldBe(1);
    }

    private Task<long> Effects(Guid subject, string note) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = '{note}'");

    private sealed class FirstListener(WorkDatabase database) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context)
        {
            database.Add(new Effect { Subject = context.Message.Subject, Note = "first" });
            return Task.CompletedTask;
        }
    }

    private sealed class SecondListener(WorkDatabase database) : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context)
        {
            database.Add(new Effect { Subject = context.Message.Subject, Note = "second" });
            return Task.CompletedTask;
        }
    }
}
