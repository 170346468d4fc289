using Chassis.Messaging;
using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;
using Microsoft.Extensions.Time.Testing;

namespace Messaging.Tests;

/// <summary>Whose turn it is, and who takes too much.</summary>
public sealed class FairnessTests
{
    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rows_leave_by_turns_of_their_tenants_and_those_of_one_in_their_order()
    {
        using var queue = new FairQueue();
        foreach (var (tenant, key) in (ReadOnlySpan<(string?, string)>)[("hot", "1"), ("hot", "2"), ("hot", "3"), ("b", "4"), (null, "5"), ("b", "6")])
        {
            queue.Add(Row(tenant, key));
        }

        (await KeysAsync(queue, 6)).ShouldBe(["1", "4", "5", "2", "6", "3"]);
    }

    [Fact]
    public async Task Rows_of_one_key_stay_in_their_order_whoever_they_are_of()
    {
        using var queue = new FairQueue();
        Entry[] rows = [new("hot", "other"), new("hot", "sku"), new("b", "sku"), new("hot", "sku"), new("c", "sku"), new("b", "own")];
        foreach (var row in rows)
        {
            queue.Add(Row(row.Tenant, row.Key));
        }

        var left = new List<OutboxRow>();
        for (var i = 0; i < rows.Length; i++)
        {
            left.Add(await queue.TakeAsync(Token));
        }

        left.Where(r => r.Key == "sku").Select(r => r.Tenant).ShouldBe(["hot", "b", "hot", "c"]);
        left.FindIndex(r => r.Key == "own").ShouldBe(1);
        // The key is free again.
        queue.Add(Row("hot", "x"));
        queue.Add(Row("hot", "y"));
        queue.Add(Row("b", "sku"));
        (await KeysAsync(queue, 3)).ShouldBe(["x", "sku", "y"]);
    }

    [Fact]
    public async Task Places_go_to_those_who_wait_one_of_each_tenant_by_turns()
    {
        var room = new FairRoom(2);
        var order = new List<string>();
        var waiting = new Dictionary<string, Task>();
        foreach (var who in (string[])["a1", "a2", "a3", "a4", "b1", "c1", "b2"])
        {
            waiting[who] = NoteAsync(room.EnterAsync(who[..1]), who);
        }

        foreach (var next in (string[])["a3", "b1", "c1", "a4", "b2"])
        {
            room.Leave();
            await waiting[next];
        }

        order.ShouldBe(["a1", "a2", "a3", "b1", "c1", "a4", "b2"]);
        room.Leave();
        room.Leave();
        room.EnterAsync("a").IsCompleted.ShouldBeTrue();
        room.EnterAsync("a").IsCompleted.ShouldBeTrue();
        room.EnterAsync("a").IsCompleted.ShouldBeFalse("there are two places");

        async Task NoteAsync(Task entered, string who)
        {
            await entered;
            order.Add(who);
        }
    }

    [Theory]
    [InlineData(1, 100, false)]     // alone
    [InlineData(2, 1, false)]
    [InlineData(2, 2, false)]       // two thirds of two
    [InlineData(2, 10, true)]
    [InlineData(10, 1, false)]
    [InlineData(10, 2, false)]      // less than a quarter is in nobody's way
    [InlineData(10, 10, true)]
    public void Hot_is_who_takes_much_more_than_the_others(int tenants, int times, bool isHot)
    {
        var usage = new TenantUsage(_clock);
        for (var i = 0; i < 40; i++)
        {
            for (var tenant = 1; tenant < tenants; tenant++)
            {
                usage.Took($"t{tenant}");
            }

            for (var j = 0; j < times; j++)
            {
                usage.Took("t0");
            }
        }

        usage.IsHot("t0").ShouldBe(isHot);
        usage.IsHot("t1").ShouldBeFalse();
    }

    [Fact]
    public void Who_has_calmed_down_is_hot_no_longer()
    {
        var usage = new TenantUsage(_clock);
        usage.Took("other");
        for (var i = 0; i < TenantUsage.Few; i++)
        {
            usage.Took("hot");
        }

        _clock.Advance(TenantUsage.Period);
        usage.IsHot("hot").ShouldBeTrue("it was a moment ago");
        _clock.Advance(TenantUsage.Period);
        usage.IsHot("hot").ShouldBeFalse();
    }

    [Fact]
    public void Who_holds_nearly_everything_is_hot_however_few_they_are_until_nobody_else_was_there_for_a_minute()
    {
        var usage = new TenantUsage(_clock);
        usage.Took("slow");
        usage.Hold("slow", 7);
        usage.IsHot("slow", 8).ShouldBeFalse("there is nobody else");
        usage.Took("other");
        usage.IsHot("slow", 8).ShouldBeTrue();
        usage.Hold("slow", -1);
        usage.IsHot("slow", 8).ShouldBeFalse();
        usage.Hold("slow", 1);
        _clock.Advance(TenantUsage.Memory + TenantUsage.Period);
        usage.IsHot("slow", 8).ShouldBeFalse("nobody else has come for a minute");
    }

    [Fact]
    public void Of_the_memory_one_tenant_gets_a_quarter_while_others_are_there_and_everything_when_they_are_not()
    {
        var shares = new MemoryShares(new MessagingOptions { MemoryRows = 400 }, _clock);
        Fill("hot", 400).ShouldBe(400, "alone");
        Empty("hot", 400);

        Fill("b", 3).ShouldBe(3);
        Fill("hot", 400).ShouldBe(101);
        Fill("b", 3).ShouldBe(3, "the others have room");
        shares.Rows.ShouldBe(107);

        Empty("hot", 101);
        Fill("hot", 5).ShouldBe(5, "what it has, and not what it wants");
        new MemoryShares(new MessagingOptions { FairShares = false }, _clock).IsSurplus("hot").ShouldBeFalse();

        int Fill(string tenant, int rows) => Enumerable.Range(0, rows).Count(_ => !shares.IsSurplus(tenant) && shares.TryAdd([Row(tenant, "k")]));
        void Empty(string tenant, int rows) => Enumerable.Range(0, rows).ToList().ForEach(_ => shares.Forget(Row(tenant, "k")));
    }

    private static async Task<List<string?>> KeysAsync(FairQueue queue, int count)
    {
        var keys = new List<string?>();
        for (var i = 0; i < count; i++)
        {
            keys.Add((await queue.TakeAsync(Token)).Key);
        }

        return keys;
    }

    private static OutboxRow Row(string? tenant, string key) => new()
    {
        MessageId = Guid.CreateVersion7(),
        Key = key,
        Exchange = "work",
        RoutingKey = string.Empty,
        ContentType = string.Empty,
        Headers = new Dictionary<string, string>(),
        Body = [],
        Tenant = tenant,
    };

    private sealed record Entry(string? Tenant, string Key);
}
