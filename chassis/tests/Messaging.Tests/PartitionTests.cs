using Chassis.Data;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using RabbitMQ.Client;

namespace Messaging.Tests;

/// <summary>
/// Once per message id, also where the parts of the inbox meet, and whoever makes and drops them. The clock is that of ids and of the job: a message's id says
/// when it was made.
/// </summary>
public sealed class PartitionTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private const string Inbox = "messaging.inbox";

    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_of_the_last_moment_of_a_week_is_known_in_the_next_one()
    {
        var (host, channel) = await StartAsync();
        await Job(host).MakeAsync(Token);
        var border = await BorderAsync();
        var (before, after) = (Guid.CreateVersion7(border.AddMilliseconds(-1)), Guid.CreateVersion7(border));
        (await PartOfAsync(before)).ShouldNotBe(await PartOfAsync(after));

        await SendAsync(channel, before, after);
        _clock.SetUtcNow(border.AddDays(1));
        (await Job(host).MakeAsync(Token)).ShouldBeGreaterThan(0, "a week has passed");
        await SendAsync(channel, before, after);

        await OnceEachAsync(before, after);
    }

    [Fact]
    public async Task While_nobody_makes_parts_messages_are_handled_once_and_so_they_are_when_somebody_does()
    {
        var (host, channel) = await StartAsync();
        await PassAllAsync(host);
        var (late, foreign) = (Guid.CreateVersion7(_clock.GetUtcNow()), new Guid("fedcba98-7654-4321-8765-0123456789ab"));

        await SendAsync(channel, late, foreign);
        await OnceEachAsync(late, foreign);
        (await PartOfAsync(late)).ShouldEndWith("_open");
        (await Job(host).MakeAsync(Token)).ShouldBeGreaterThan(PartitionsAhead.Ahead);
        (await PartOfAsync(late)).ShouldNotEndWith("_open");
        await SendAsync(channel, late, foreign);

        await OnceEachAsync(late, foreign);
    }

    [Fact]
    public async Task When_the_last_part_has_filled_meanwhile_it_becomes_a_part_with_all_its_rows()
    {
        var host = await fixture.StartAsync(name: "filled");
        await PassAllAsync(host);
        var marker = Guid.CreateVersion7();
        await fixture.Database.ExecuteAsync(
            $"""
            INSERT INTO {Inbox} SELECT partitions.first_id('{_clock.GetUtcNow():O}'::timestamptz + n * interval '1 ms'), '{marker}'::uuid FROM generate_series(1, 12000) AS n
            UNION ALL SELECT ('f0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '{marker}'::uuid FROM generate_series(1, 10) AS n
            """);

        await Job(host).MakeAsync(Token);

        (await fixture.Database.ScalarAsync<string>(
            $"SELECT string_agg(n::text, ' ' ORDER BY n) FROM (SELECT count(*) AS n FROM {Inbox} WHERE consumer_id = '{marker}' GROUP BY tableoid) AS parts"))
            .ShouldBe("10 12000");
        (await PartOfAsync(new Guid("f0000000-0000-4000-8000-000000000001"))).ShouldEndWith("_open");
    }

    [Fact]
    public async Task Replicas_that_make_parts_at_the_same_time_make_each_once()
    {
        var host = await fixture.StartAsync(name: "together");
        await PassAllAsync(host);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Job(host).MakeAsync(Token))));
        await Poll.UntilAsync(async () => await Job(host).MakeAsync(Token) == 0, "nothing to be left to make");
        (await fixture.Database.ScalarAsync<bool>(
            $"""
            SELECT bool_and(follows) FROM (SELECT begins IS NULL OR begins = lag(ends) OVER (ORDER BY begins NULLS FIRST) AS follows
            FROM partitions.parts WHERE of = '{Inbox}') AS parts
            """)).ShouldBeTrue("each begins where the one before ends");
    }

    [Fact]
    public async Task A_table_that_is_in_use_is_left_alone_until_the_next_time()
    {
        var host = await fixture.StartAsync(name: "busy");
        await PassAllAsync(host);
        await using var connection = new NpgsqlConnection(fixture.Database.Migrations);
        await connection.OpenAsync(Token);
        await using (var transaction = await connection.BeginTransactionAsync(Token))
        {
            await connection.ExecuteAsync($"LOCK TABLE {Inbox} IN ROW EXCLUSIVE MODE", Token);
            await Job(host).MakeAsync(Token);
            (await fixture.Database.ScalarAsync<bool>(
                $"SELECT partitions.time_of(begins) < '{_clock.GetUtcNow():O}' FROM partitions.parts WHERE of = '{Inbox}' AND ends IS NULL")).ShouldBeTrue();
        }

        (await Job(host).MakeAsync(Token)).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void How_many_wait_for_their_time_goes_down_with_the_clock_alone()
    {
        var table = new PartitionedTable(Inbox, TimeSpan.FromDays(7), _clock.GetUtcNow().AddDays(29));
        table.AheadAt(_clock.GetUtcNow()).ShouldBe(4);
        table.AheadAt(_clock.GetUtcNow().AddDays(21)).ShouldBe(1);
        table.AheadAt(_clock.GetUtcNow().AddDays(37)).ShouldBe(-2);
    }

    [Fact]
    public async Task How_many_wait_for_their_time_is_a_figure_of_each_table()
    {
        var host = await fixture.StartAsync(name: "counted");
        await host.Services.GetRequiredService<PartitionsAhead>().MakeAsync(Token);
        using var heard = new Measurements();
        var figures = heard.Of(host.Services, "database.partitions.ahead");
        figures.Count.ShouldBe(2);
        figures.ShouldAllBe(f => f.Value >= PartitionsAhead.Ahead);
    }

    private async Task<(IHost Host, IChannel Channel)> StartAsync()
    {
        var host = await fixture.StartAsync(bus => bus.AddWork());
        await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Commands), "a consumer");
        return (host, await fixture.OpenChannelAsync());
    }

    /// <summary>Nobody has made parts for so long that the last one is that of now.</summary>
    private async Task PassAllAsync(IHost host)
    {
        await Job(host).MakeAsync(Token);
        _clock.SetUtcNow(await fixture.Database.ScalarAsync<DateTime>(
            $"SELECT partitions.time_of(begins) + interval '30 days' FROM partitions.parts WHERE of = '{Inbox}' AND ends IS NULL"));
    }

    private PartitionsAhead Job(IHost host) => ActivatorUtilities.CreateInstance<PartitionsAhead>(host.Services, _clock);

    private Task<DateTime> BorderAsync() => fixture.Database.ScalarAsync<DateTime>(
        $"SELECT partitions.time_of(ends) FROM partitions.parts WHERE of = '{Inbox}' AND begins IS NOT NULL AND ends IS NOT NULL ORDER BY ends DESC LIMIT 1 OFFSET 1");

    private Task<string> PartOfAsync(Guid id) => fixture.Database.ScalarAsync<string>(
        $"SELECT name FROM partitions.parts WHERE of = '{Inbox}' AND (begins IS NULL OR begins <= '{id}') AND (ends IS NULL OR ends > '{id}')");

    private static async Task SendAsync(IChannel channel, params Guid[] ids)
    {
        foreach (var id in ids)
        {
            await channel.SendRawAsync(WorkQueues.Commands, id, new DoWork(id, 1));
        }
    }

    private async Task OnceEachAsync(params Guid[] subjects)
    {
        foreach (var subject in subjects)
        {
            await Poll.UntilAsync(() => EffectsAsync(subject), n => n > 0, $"an effect of {subject}");
        }

        await Poll.UntilAsync(async () => await fixture.Vhost.MessagesAsync(WorkQueues.Commands) == 0, "every copy to be acknowledged");
        foreach (var subject in subjects)
        {
            (await EffectsAsync(subject)).ShouldBe(1);
        }
    }

    private Task<long> EffectsAsync(Guid subject) =>
        fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'");
}
