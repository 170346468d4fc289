using Chassis.Testing;
using Contracts.Events;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;

namespace Messaging.Tests;

/// <summary>Nothing is published that was not committed, and everything committed is published.</summary>
public sealed class UnitOfWorkTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_save_nothing_leaves()
    {
        var host = await fixture.StartAsync();
        var subject = Guid.CreateVersion7();
        await host.InScope((scope, _) => scope.PublishCancelled(subject, 1));
        (await Rows(subject)).ShouldBe(0);
        (await Archived(subject)).ShouldBe(0);
    }

    [Fact]
    public async Task A_roll_back_leaves_neither_rows_nor_messages()
    {
        var host = await fixture.StartAsync();
        var outsider = await fixture.ListenAsync("shop.events", "#");
        var (lost, kept) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await host.InScope(async (scope, database) =>
        {
            await using var transaction = await database.Database.BeginTransactionAsync(Token);
            await scope.PublishCancelled(lost, 1);
            database.Add(new Effect { Subject = lost });
            await database.SaveChangesAsync(Token);
            await transaction.RollbackAsync(Token);

            // The same scope goes on: what was rolled back must not come along.
            database.ChangeTracker.Clear();
            await scope.PublishCancelled(kept, 1);
            await database.SaveChangesAsync(Token);
        });

        await Poll.UntilAsync(() => outsider.Any(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == kept.ToString()), "the committed event");
        outsider.ShouldNotContain(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == lost.ToString());
        (await Archived(lost)).ShouldBe(0);
        (await Archived(kept)).ShouldBe(1);
    }

    [Fact]
    public async Task A_save_that_fails_leaves_nothing_and_the_next_scope_is_not_disturbed()
    {
        var host = await fixture.StartAsync();
        var (bad, good) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(bad, 1);
            database.Add(new Effect { Subject = bad, Note = null! });
            await Should.ThrowAsync<DbUpdateException>(() => database.SaveChangesAsync(Token));
            database.Database.CurrentTransaction.ShouldBeNull();
        });
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(good, 1);
            await database.SaveChangesAsync(Token);
        });

        (await Archived(bad)).ShouldBe(0);
        (await Archived(good)).ShouldBe(1);
    }

    [Fact]
    public async Task What_was_never_saved_does_not_leave_with_whoever_gets_the_pooled_context_next()
    {
        var host = await fixture.StartAsync();
        var (lost, kept) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        WorkDatabase? abandoned = null;
        await host.InScope(async (scope, database) =>
        {
            abandoned = database;
            await scope.PublishCancelled(lost, 1);
        });

        // The pool gives out the one that was returned first; soon it is the one from above.
        var met = false;
        for (var attempt = 0; attempt < 100 && !met; attempt++)
        {
            await host.InScope(async (scope, database) =>
            {
                if (ReferenceEquals(database, abandoned))
                {
                    met = true;
                    await scope.PublishCancelled(kept, 1);
                    await database.SaveChangesAsync(Token);
                }
            });
        }

        met.ShouldBeTrue();
        (await Archived(lost)).ShouldBe(0);
        (await Archived(kept)).ShouldBe(1);
    }

    [Fact]
    public async Task Inside_an_explicit_transaction_with_several_saves_everything_leaves_with_the_commit_and_in_order()
    {
        var host = await fixture.StartAsync();
        var outsider = await fixture.ListenAsync("shop.events", "#");
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await using var transaction = await database.Database.BeginTransactionAsync(Token);
            for (var i = 1; i <= 5; i++)
            {
                await scope.PublishCancelled(subject, i);
                database.Add(new Effect { Subject = subject, Number = i });
                await database.SaveChangesAsync(Token);
            }

            (await Archived(subject)).ShouldBe(0);
            await transaction.CommitAsync(Token);
        });

        string?[] Sequences() => [.. outsider.Where(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString())
            .Select(m => m.BasicProperties.HeaderText(CloudEventHeaders.Sequence))];
        await Poll.UntilAsync(() => Sequences().Length == 5, "five events");
        Sequences().ShouldBe(["1", "2", "3", "4", "5"]);
    }

    [Fact]
    public async Task A_synchronous_save_publishes_too()
    {
        var host = await fixture.StartAsync();
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(subject, 1);
#pragma warning disable CA1849 // exactly this is tested
            database.SaveChanges();
#pragma warning restore CA1849
        });
        (await Archived(subject)).ShouldBe(1);
    }

    [Fact]
    public async Task One_scope_can_commit_several_times()
    {
        var host = await fixture.StartAsync();
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            for (var i = 1; i <= 3; i++)
            {
                await scope.PublishCancelled(subject, i);
                await database.SaveChangesAsync(Token);
            }
        });
        (await Archived(subject)).ShouldBe(3);
        await Poll.UntilAsync(() => Rows(subject), n => n == 0, "the outbox to be empty");
    }

    [Fact]
    public async Task The_bytes_in_the_archive_are_the_bytes_on_the_wire()
    {
        var host = await fixture.StartAsync();
        var outsider = await fixture.ListenAsync("shop.events", "#");
        var subject = Guid.CreateVersion7();
        await host.InScope(async (scope, database) =>
        {
            await scope.PublishCancelled(subject, 1);
            await database.SaveChangesAsync(Token);
        });
        await Poll.UntilAsync(() => outsider.Any(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString()), "the event");
        var sent = outsider.First(m => m.BasicProperties.HeaderText(CloudEventHeaders.Subject) == subject.ToString());
        var archived = await fixture.Database.ScalarAsync<string>($"SELECT data::text FROM messaging.boundary_events WHERE subject = '{subject}'");
        System.Text.Encoding.UTF8.GetString(sent.Body.Span).ShouldBe(archived);
        sent.BasicProperties.MessageId.ShouldBe(sent.BasicProperties.HeaderText(CloudEventHeaders.Id));
        sent.BasicProperties.DeliveryMode.ShouldBe(RabbitMQ.Client.DeliveryModes.Persistent);
    }

    private Task<long> Rows(Guid subject) => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.outbox WHERE outbox_key = '{subject}'");

    private Task<long> Archived(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.boundary_events WHERE subject = '{subject}'");
}
