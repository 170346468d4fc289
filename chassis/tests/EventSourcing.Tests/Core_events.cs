using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace EventSourcing.Tests;

public sealed class Core_events : IAsyncLifetime
{
    private readonly Fixture _fixture = new();

    private CoreEventBus Bus => _fixture.Services.GetRequiredService<CoreEventBus>();

    public ValueTask InitializeAsync() => _fixture.InitializeAsync();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Reach_their_handlers_in_order_also_by_base_type()
    {
        var seen = new List<string>();
        using var first = Bus.Subscribe<Entry>("first", (e, _) => Note($"first {e.Data.Amount} v{e.Stored.Version}"));
        using var second = Bus.Subscribe<Deposited>("second", (e, _) => Note($"second {e.Data.Amount}"));

        await _fixture.Append(Fixture.NewId(), 0, new Opened("a"), new Deposited(1), new Withdrawn(2, "EUR"));

        seen.ShouldBe(["first 1 v2", "second 1", "first 2 v3"]);

        Task Note(string text)
        {
            seen.Add(text);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Are_not_heard_any_more_after_unsubscribing()
    {
        var count = 0;
        var subscription = Bus.Subscribe<Deposited>("counter", (_, _) => Task.FromResult(count++));
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        subscription.Dispose();
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));

        count.ShouldBe(1);
        Bus.Health.ShouldBeEmpty();
    }

    [Fact]
    public async Task Take_the_whole_unit_of_work_with_them_when_a_handler_fails()
    {
        var stream = Fixture.NewId();
        using var works = Bus.Subscribe<Deposited>("works", async (e, ct) =>
        {
            await using var scope = _fixture.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<EventStore>().ReadAsync(stream, ct: ct);
        });
        using var fails = Bus.Subscribe<Deposited>("fails", (_, _) => throw new TimeoutException("no"));

        await Should.ThrowAsync<TimeoutException>(() => _fixture.Unit(async (scope, store) =>
        {
            await scope.GetRequiredService<DbContext>().Database.ExecuteSqlAsync($"INSERT INTO notes VALUES ('part of the unit')");
            return await store.AppendAsync("account", stream, 0, [new Opened("a"), new Deposited(1)], null, CancellationToken.None);
        }));

        (await _fixture.Read(stream)).ShouldBeEmpty();
        (await _fixture.Database.ScalarAsync<long>("SELECT count(*) FROM notes")).ShouldBe(0);
        (await _fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM balances WHERE id = '{stream}'")).ShouldBe(0);
    }

    [Fact]
    public async Task Tell_how_their_handlers_are_doing()
    {
        var broken = false;
        using var handler = Bus.Subscribe<Deposited>("moody", (_, _) => broken ? throw new TimeoutException("no") : Task.CompletedTask);
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        broken = true;
        await Should.ThrowAsync<TimeoutException>(() => _fixture.Append(Fixture.NewId(), 0, new Deposited(1)));

        var health = Bus.Health.Single();
        health.Name.ShouldBe("moody");
        health.Handled.ShouldBe(1);
        health.Failed.ShouldBe(1);
        health.LastError.ShouldBe(nameof(TimeoutException));
        health.LastHandledAt.ShouldNotBeNull();
    }
}
