using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace EventSourcing.Tests;

public sealed class Core_events : IAsyncLifetime
{
    private readonly Fixture fixture = new();

    private CoreEventBus Bus => fixture.Services.GetRequiredService<CoreEventBus>();

    public ValueTask InitializeAsync() => fixture.InitializeAsync();

    public ValueTask DisposeAsync() => fixture.DisposeAsync();

    [Fact]
    public async Task reach_their_handlers_in_order_also_by_base_type()
    {
        var seen = new List<string>();
        using var first = Bus.Subscribe<Entry>("first", (e, _) => Note($"first {e.Data.Amount} v{e.Stored.Version}"));
        using var second = Bus.Subscribe<Deposited>("second", (e, _) => Note($"second {e.Data.Amount}"));

        await fixture.Append(Fixture.NewId(), 0, new Opened("a"), new Deposited(1), new Withdrawn(2, "EUR"));

        seen.ShouldBe(["first 1 v2", "second 1", "first 2 v3"]);

        Task Note(string text)
        {
            seen.Add(text);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task are_not_heard_any_more_after_unsubscribing()
    {
        var count = 0;
        var subscription = Bus.Subscribe<Deposited>("counter", (_, _) => Task.FromResult(count++));
        await fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        subscription.Dispose();
        await fixture.Append(Fixture.NewId(), 0, new Deposited(1));

        count.ShouldBe(1);
        Bus.Health.ShouldBeEmpty();
    }

    [Fact]
    public async Task take_the_whole_unit_of_work_with_them_when_a_handler_fails()
    {
        var stream = Fixture.NewId();
        using var works = Bus.Subscribe<Deposited>("works", async (e, ct) =>
        {
            await using var scope = fixture.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<EventStore>().Read(stream, cancellationToken: ct);
        });
        using var fails = Bus.Subscribe<Deposited>("fails", (_, _) => throw new TimeoutException("no"));

        await Should.ThrowAsync<TimeoutException>(() => fixture.Unit(async (scope, store) =>
        {
            await scope.GetRequiredService<DbContext>().Database.ExecuteSqlAsync($"INSERT INTO notes VALUES ('part of the unit')");
            return await store.Append("account", stream, 0, [new Opened("a"), new Deposited(1)], null, CancellationToken.None);
        }));

        (await fixture.Read(stream)).ShouldBeEmpty();
        (await fixture.Database.ScalarAsync<long>("SELECT count(*) FROM notes")).ShouldBe(0);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM balances WHERE id = '{stream}'")).ShouldBe(0);
    }

    [Fact]
    public async Task tell_how_their_handlers_are_doing()
    {
        var broken = false;
        using var handler = Bus.Subscribe<Deposited>("moody", (_, _) => broken ? throw new TimeoutException("no") : Task.CompletedTask);
        await fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        broken = true;
        await Should.ThrowAsync<TimeoutException>(() => fixture.Append(Fixture.NewId(), 0, new Deposited(1)));

        var health = Bus.Health.Single();
        health.Name.ShouldBe("moody");
        health.Handled.ShouldBe(1);
        health.Failed.ShouldBe(1);
        health.LastError.ShouldBe(nameof(TimeoutException));
        health.LastHandledAt.ShouldNotBeNull();
    }
}
