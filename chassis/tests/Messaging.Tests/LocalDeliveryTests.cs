using System.Collections.Concurrent;
using System.Text.Json;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Messaging.Wire;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>What a service sends to a queue of its own is handled without the broker: once, in order, and with everything that follows from failure.</summary>
public sealed class LocalDeliveryTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string Queue = "work.local";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // A lease that no busy machine outlasts: a row that a sweep takes over is handled again, out of order, and that is no undisturbed case.
    private static readonly Dictionary<string, string?> Unhurried = new() { ["Messaging:Lease"] = "00:02:00" };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_one_transaction_sends_the_next_one_has_handled_and_its_row_is_gone_with_that()
    {
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Noting>().Endpoint(e => e.Name = Queue), Unhurried);
        var (subject, inbox) = (Guid.CreateVersion7(), await Inbox());
        for (var i = 0; i < 20; i++)
        {
            var number = i;
            await host.InScope(async (scope, database) =>
            {
                await scope.SendWork(subject, number, Queue);
                await database.SaveChangesAsync(Token);
            });
        }

        await Poll.UntilAsync(() => Effects(subject), n => n >= 20, "every effect", Patience);
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        (await Effects(subject)).ShouldBe(20);
        (await Notes(subject)).ShouldBe(["local"]);
        (await Inbox()).ShouldBe(inbox, "the row is the inbox");
    }

    [Fact]
    public async Task Messages_about_one_thing_are_handled_one_after_the_other_in_the_order_of_their_commits()
    {
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Slow>().Endpoint(e => e.Name = "work.slow"), Unhurried);
        Guid[] subjects = [.. Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7())];
        for (var i = 0; i < 12; i++)
        {
            foreach (var subject in subjects)
            {
                var number = i;
                await host.InScope(async (scope, database) =>
                {
                    await scope.SendWork(subject, number, "work.slow");
                    await database.SaveChangesAsync(Token);
                });
            }
        }

        await Poll.UntilAsync(() => Slow.Handled.Count(h => subjects.Contains(h.Subject)) >= 60, "all of them", Patience);
        foreach (var subject in subjects)
        {
            Slow.Handled.Where(h => h.Subject == subject).Select(h => h.Number).ShouldBe(Enumerable.Range(0, 12));
        }
    }

    [Fact]
    public async Task A_row_that_two_replicas_have_in_hand_has_one_effect()
    {
        // The first does not look at the table again, nor keep what it has.
        var first = await fixture.StartAsync(
            bus => bus.AddConsumer<Gated>().Endpoint(e => e.Name = "work.gated"), new Dictionary<string, string?> { ["Messaging:SweepInterval"] = "00:10:00" });
        var subject = Guid.CreateVersion7();
        await first.InScope(async (scope, database) =>
        {
            await scope.SendWork(subject, 1, "work.gated");
            await database.SaveChangesAsync(Token);
        });
        await Poll.UntilAsync(() => Gated.Arrived.Contains(subject), "the first to have it in hand", Patience);

        await fixture.StartAsync(bus => bus.AddConsumer<Gated>().Endpoint(e => e.Name = "work.gated"));
        await Poll.UntilAsync(() => Gated.Arrived.Count(s => s == subject) == 2, "the second to take it by its lease", Patience);
        Gated.Open(subject);

        // A service of another test, which does not know this queue, may have been the second, and have sent it there.
        await Poll.UntilAsync(() => Effects(subject), n => n > 0, "the effect", Patience);
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", Patience);
        await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync("work.gated") == 0, "an empty queue", Patience);
        (await Effects(subject)).ShouldBe(1);
    }

    [Theory]
    [InlineData(nameof(Moment.BeforeCommit), 0)]
    [InlineData(nameof(Moment.AfterCommit), 1)]
    public async Task What_a_process_had_in_hand_when_it_died_another_takes_unless_it_was_done(string moment, int effects)
    {
        var subject = Guid.CreateVersion7();
        using (var victim = WorkProcess.Start(fixture, settings: ("CrashAt", moment)))
        {
            await WriteAsync(subject);
            await victim.WaitForDeathAsync();
        }

        (await Effects(subject, "done")).ShouldBe(effects);
        using var next = WorkProcess.Start(fixture);
        await Poll.UntilAsync(() => Effects(subject, "cancelled"), n => n >= 1, "the effect of the event", Patience);
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", Patience);
        (await Effects(subject, "done")).ShouldBe(1);
        (await Effects(subject, "cancelled")).ShouldBe(1);
    }

    [Fact]
    public async Task What_a_replica_of_an_earlier_version_has_sent_to_the_queue_meanwhile_is_a_duplicate()
    {
        await fixture.StartAsync(bus => bus.AddConsumer<Noting>().Endpoint(e => e.Name = Queue));
        await Poll.UntilAsync(() => fixture.IsConsumedAsync(Queue), "a consumer", Patience);
        var (subject, id) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync(Queue, id, new DoWork(subject, 1));
        await Poll.UntilAsync(() => Effects(subject), n => n == 1, "the effect of the queue's", Patience);
        await WriteAsync(subject, Queue, id);

        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", Patience);
        (await Notes(subject)).ShouldBe(["broker"]);
        (await Effects(subject)).ShouldBe(1);
    }

    [Fact]
    public async Task What_fails_is_redelivered_and_what_goes_on_failing_becomes_a_dead_letter()
    {
        var settings = new Dictionary<string, string?> { ["Messaging:Redeliveries:0"] = "00:00:00.100" };
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Failing>().Endpoint(e => e.Name = "work.failing"), settings);
        var (mended, broken) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Failing.Times[mended] = 5;    // once more than there are tries in memory
        Failing.Times[broken] = int.MaxValue;
        await host.InScope(async (scope, database) =>
        {
            await scope.SendWork(mended, 1, "work.failing");
            await scope.SendWork(broken, 1, "work.failing");
            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => Effects(mended), n => n == 1, "the one that gets well", Patience);
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.dead_letters WHERE queue = 'work.failing'"),
            n => n == 1,
            "the dead letter",
            Patience);
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox", Patience);
        (await Effects(mended)).ShouldBe(1);
        (await Effects(broken)).ShouldBe(0);
    }

    [Fact]
    public async Task What_two_consumers_take_goes_over_the_broker_so_that_each_gets_it()
    {
        var host = await fixture.StartAsync(bus =>
        {
            bus.AddConsumer<Noting>().Endpoint(e => e.Name = "work.both");
            bus.AddConsumer<NotingToo>().Endpoint(e => e.Name = "work.both");
        });
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.both"), "a consumer", Patience);
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await scope.SendWork(subject, 1, "work.both");
            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => Effects(subject), n => n == 2, "both effects", Patience);
        (await Notes(subject)).ShouldBe(["broker", "too"]);
    }

    /// <summary>A row as a transaction has left it whose process is gone.</summary>
    private async Task WriteAsync(Guid subject, string queue = WorkQueues.Commands, Guid? messageId = null)
    {
        await using var database = NpgsqlDataSource.Create(fixture.Database.Migrations);
        var id = messageId ?? Guid.CreateVersion7();
        await new OutboxStore(database, ShopContracts.Catalogue).InsertAsync(
            [
                new OutboxRow
                {
                    MessageId = id,
                    Exchange = queue,
                    RoutingKey = string.Empty,
                    ContentType = MessageKeys.CommandContentType,
                    Headers = new Dictionary<string, string>(),
                    Body = JsonSerializer.SerializeToUtf8Bytes(
                        new { messageId = id, messageType = new[] { MessageUrn.ForTypeString<DoWork>() }, message = new DoWork(subject, 1) },
                        JsonSerializerOptions.Web),
                    Mandatory = true,
                    DueAt = TimeProvider.System.GetUtcNow(),
                },
            ],
            TimeSpan.FromSeconds(2),
            Token);
    }

    private Task<long> Inbox() => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox");

    private Task<long> Effects(Guid subject, string note = "") =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note LIKE '{note}%'");

    private async Task<string[]> Notes(Guid subject) =>
        (await fixture.Database.ScalarAsync<string>(
            $"SELECT string_agg(DISTINCT note, ' ' ORDER BY note) FROM effects WHERE subject = '{subject}'"))!.Split(' ');

    private class Noting(WorkDatabase database) : IConsumer<DoWork>
    {
        public virtual Task Consume(ConsumeContext<DoWork> context) => Note(context, context.TryGetPayload<LocalMessage>(out _) ? "local" : "broker");

        protected Task Note(ConsumeContext<DoWork> context, string note)
        {
            database.Add(new Effect { Subject = context.Message.Subject, Number = context.Message.Number, Note = note });
            return Task.CompletedTask;
        }
    }

    private sealed class NotingToo(WorkDatabase database) : Noting(database)
    {
        public override Task Consume(ConsumeContext<DoWork> context) => Note(context, "too");
    }

    private sealed class Slow : IConsumer<DoWork>
    {
        public static ConcurrentQueue<(Guid Subject, int Number)> Handled { get; } = [];

        public async Task Consume(ConsumeContext<DoWork> context)
        {
            await Task.Delay(context.Message.Number % 3 == 0 ? 15 : 1, context.CancellationToken);
            Handled.Enqueue((context.Message.Subject, context.Message.Number));
        }
    }

    private sealed class Gated(WorkDatabase database) : Noting(database)
    {
        private static readonly ConcurrentDictionary<Guid, TaskCompletionSource> Gates = [];

        public static ConcurrentQueue<Guid> Arrived { get; } = [];

        public static void Open(Guid subject) => Gates[subject].SetResult();

        public override async Task Consume(ConsumeContext<DoWork> context)
        {
            var gate = Gates.GetOrAdd(context.Message.Subject, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            Arrived.Enqueue(context.Message.Subject);
            await gate.Task;
            await Note(context, "gated");
        }
    }

    private sealed class Failing(WorkDatabase database) : Noting(database)
    {
        public static ConcurrentDictionary<Guid, int> Times { get; } = [];

        public override Task Consume(ConsumeContext<DoWork> context) =>
            Times.AddOrUpdate(context.Message.Subject, 0, (_, left) => left - 1) >= 0
                ? throw new InvalidOperationException("Not yet.")
                : Note(context, "mended");
    }
}
