using System.Collections.Concurrent;
using System.Text;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>What is scheduled leaves when it is due, not before, and not when it was cancelled.</summary>
public sealed class SchedulingTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Messages_leave_at_their_time()
    {
        var host = await fixture.StartAsync();
        await using var channel = await fixture.OpenChannelAsync();
        await channel.DeclareEndpointAsync("work.timed");
        var arrivals = new ConcurrentDictionary<Guid, DateTimeOffset>();
        var consumer = new RabbitMQ.Client.Events.AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, e) =>
        {
            arrivals[Guid.Parse(e.BasicProperties.MessageId!)] = TimeProvider.System.GetUtcNow();
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("work.timed", autoAck: true, consumer, Token);

        var due = new List<DateTimeOffset>();
        var start = TimeProvider.System.GetUtcNow().AddSeconds(1);
        await host.InScope(async (scope, database) =>
        {
            for (var i = 0; i < 200; i++)
            {
                due.Add(start.AddMilliseconds(i * 10));
                await scope.GetRequiredService<ISendEndpointProvider>().SendCommandAsync(
                    "work.timed", new DoWork(Guid.Empty, i), Guid.CreateVersion7(), due[i], Token);
            }

            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => arrivals.Count == 200, "all messages");
        double[] late = [.. arrivals.Values.Order().Zip(due, (arrived, at) => (arrived - at).TotalSeconds).Order()];
        late[0].ShouldBeGreaterThan(-0.05);
        late[100].ShouldBeLessThan(30);
    }

    [Fact]
    public async Task A_cancelled_message_never_leaves_and_cancelling_is_part_of_the_transaction()
    {
        var host = await fixture.StartAsync();
        await using var channel = await fixture.OpenChannelAsync();
        await channel.DeclareEndpointAsync("work.cancel");
        var received = await WorkFixture.ListenToQueueAsync(channel, "work.cancel");
        var (kept, cancelled) = (Guid.Empty, Guid.Empty);
        var address = new Uri("queue:work.cancel");
        await host.InScope(async (scope, database) =>
        {
            var scheduler = scope.GetRequiredService<IMessageScheduler>();
            var due = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1);
            kept = (await scheduler.ScheduleSend(address, due, new DoWork(Guid.Empty, 1), Token)).TokenId;
            cancelled = (await scheduler.ScheduleSend(address, due, new DoWork(Guid.Empty, 2), Token)).TokenId;
            await database.SaveChangesAsync(Token);
        });
        await host.InScope(async (scope, database) =>
        {
            var scheduler = scope.GetRequiredService<IMessageScheduler>();
            await using var transaction = await database.Database.BeginTransactionAsync(Token);
            await scheduler.CancelScheduledSend(address, kept, Token);
            await transaction.RollbackAsync(Token);
        });
        await host.InScope(async (scope, database) =>
        {
            await scope.GetRequiredService<IMessageScheduler>().CancelScheduledSend(address, cancelled, Token);
            await database.SaveChangesAsync(Token);
        });

        await fixture.Database.ExecuteAsync("UPDATE messaging.outbox SET due_at = now()");
        await Poll.UntilAsync(() => !received.IsEmpty, "the message that was not cancelled");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        var only = received.DistinctBy(
            m => m.BasicProperties.MessageId).ShouldHaveSingleItem();   // more than once, when confirming it took longer than its lease
        Encoding.UTF8.GetString(only.Body.Span).ShouldContain("\"number\":1");
    }
}
