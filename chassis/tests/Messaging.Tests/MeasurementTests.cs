using Chassis.Data;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Messaging.CrashHost;

namespace Messaging.Tests;

/// <summary>What is measured of units of work and messages.</summary>
public sealed class MeasurementTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_waits_for_a_commit_is_done_once_and_what_is_given_up_never()
    {
        var host = await fixture.StartAsync();
        var done = new List<string>();
        await host.InScope(async (scope, database) =>
        {
            await using (await database.Database.BeginTransactionAsync(Token))
            {
                database.OnCommitted(() => done.Add("given up without a word"));
            }

            await using (var rolledBack = await database.Database.BeginTransactionAsync(Token))
            {
                database.OnCommitted(() => done.Add("rolled back"));
                await rolledBack.RollbackAsync(Token);
            }

            await using (var alone = await database.Database.BeginTransactionAsync(Token))
            {
                database.OnCommitted(() => done.Add("committed"));
                done.ShouldBeEmpty("it is not yet");
                await alone.CommitAsync(Token);
            }

            await using (var withMessages = await database.Database.BeginTransactionAsync(Token))
            {
                database.OnCommitted(() => done.Add("committed with messages"));
                await scope.PublishCancelled(Guid.CreateVersion7(), 1);
                await database.SaveChangesAsync(Token);
                await withMessages.CommitAsync(Token);
            }

            Should.Throw<InvalidOperationException>(() => database.OnCommitted(() => done.Add("without a transaction")));
        });
        await host.InScope((_, database) => database.Database.BeginTransactionAsync(Token).ContinueWith(t => t.Result.CommitAsync(Token), Token).Unwrap());

        done.ShouldBe(["committed", "committed with messages"]);
    }

    [Fact]
    public void A_label_has_so_many_values_and_one_name_for_the_others()
    {
        var met = new List<string>();
        var label = new BoundedLabel(2, met.Add);
        string?[] values = ["a", null, "b", "c", "a", "d", "other", ""];
        values.Select(label.Of).ShouldBe(["a", "", "b", "other", "a", "other", "other", ""]);
        met.ShouldBe(["a", "", "b", "other"]);
    }

    [Fact]
    public async Task Every_message_says_how_long_it_was_worked_on_and_why_it_was_given_up()
    {
        using var heard = new Measurements();
        var host = await fixture.StartAsync(bus => bus.AddConsumer<Picky>().Endpoint(e => e.Name = "work.picky"));
        await Poll.UntilAsync(() => fixture.IsConsumedAsync("work.picky"), "a consumer");
        await using var channel = await fixture.OpenChannelAsync();
        await channel.SendRawAsync("work.picky", Guid.CreateVersion7(), new DoWork(Guid.Empty, 1));
        await channel.SendRawAsync("work.picky", Guid.CreateVersion7(), new DoWork(Guid.Empty, 2));

        const string queue = "messaging.destination.name=work.picky messaging.operation.name=process messaging.system=rabbitmq";
        await Poll.UntilAsync(() => Task.FromResult(heard.Of(host.Services, "messaging.process.duration").Count), n => n == 2, "both to be measured");
        var processed = heard.Of(host.Services, "messaging.process.duration");
        processed.Select(p => p.Labels).ShouldBe([queue, $"error.type={typeof(NonTransientException).FullName} {queue}"], ignoreOrder: true);
        processed.ShouldAllBe(p => p.Value > 0 && p.Value < 60);
        heard.Counted(host.Services, "messaging.dead_letters.added").ShouldContainKey("messaging.destination.name=work.picky");
        heard.Counted(host.Services, "messaging.redeliveries").ShouldContainKeyAndValue("messaging.destination.name=work.picky", 0);
    }

    private sealed class Picky : IConsumer<DoWork>
    {
        public Task Consume(ConsumeContext<DoWork> context) =>
            context.Message.Number == 1 ? Task.CompletedTask : throw new NonTransientException("Not this one.");
    }
}
