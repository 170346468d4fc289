using System.Globalization;
using System.Text.RegularExpressions;
using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EventSourcing.Tests;

public sealed class Projections : IAsyncLifetime
{
    private readonly Fixture _fixture = new();

    private ProjectionDaemon Daemon => _fixture.Services.GetRequiredService<ProjectionDaemon>();

    public ValueTask InitializeAsync() => _fixture.InitializeAsync();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Follow_the_store_and_miss_nothing_that_commits_late()
    {
        var (slow, fast) = (Fixture.NewId(), Fixture.NewId());

        // The slow unit takes its position first and commits last.
        await using var scope = _fixture.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await scope.ServiceProvider.GetRequiredService<EventStore>().AppendAsync("account", slow, 0, [new Deposited(1)], null, CancellationToken.None);
        await _fixture.Append(fast, 0, new Deposited(10));

        await CatchUp();
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        await CatchUpTo(11m);
    }

    [Fact]
    public async Task Wait_for_nobody_but_writers_of_the_store()
    {
        await using var stranger = await TestDatabase.CreateAsync();
        await using var elsewhere = await Begin(stranger.Migrations, "SELECT pg_current_xact_id(), pg_advisory_xact_lock_shared(1163284052, 0)");
        await using var here = await Begin(_fixture.Database.Migrations, "INSERT INTO notes VALUES ('takes a transaction id')");

        await _fixture.Append(Fixture.NewId(), 0, new Deposited(10));
        await CatchUp();

        (await Sum("turnover")).ShouldBe(10m);
        (await Status("turnover")).Lag.ShouldBe(0);
    }

    [Fact]
    public async Task Miss_nothing_of_a_transaction_that_began_long_before_it_stores()
    {
        await using var early = await Begin(_fixture.Database.Migrations, "INSERT INTO notes VALUES ('takes a transaction id')");
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(10));
        await CatchUp();
        await early.ExecuteAsync(Deposit, TestContext.Current.CancellationToken);
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(100));
        await CatchUp();

        (await Sum("turnover")).ShouldBe(10m);
        var status = await Status("turnover");
        status.Lag.ShouldBe(1);
        status.HeldBackBy.ShouldBe($"session {early.ProcessID} of {new NpgsqlConnectionStringBuilder(_fixture.Database.Migrations).Username} (somebody)");
        await early.ExecuteAsync("COMMIT", TestContext.Current.CancellationToken);
        await CatchUp();

        (await Sum("turnover")).ShouldBe(111m);
        (await Status("turnover")).HeldBackBy.ShouldBeNull();
    }

    /// <summary>The number that a writer announces has 32 bits, and positions have more.</summary>
    [Theory]
    [InlineData(2147483640)]
    [InlineData(4294967290)]
    [InlineData(8589934585)]
    public async Task Wait_for_writers_beside_the_limits_of_what_they_announce(long position)
    {
        await _fixture.Database.ExecuteAsync($"ALTER SEQUENCE event_store.events_position_seq RESTART WITH {position}");
        for (var round = 0; round < 12; round++)
        {
            await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
            await using var writer = await Begin(_fixture.Database.Migrations, Deposit);
            await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
            await CatchUp();
            (await Sum("turnover")).ShouldBe((3m * round) + 1);
            await writer.ExecuteAsync("COMMIT", TestContext.Current.CancellationToken);
            await CatchUp();
            (await Sum("turnover")).ShouldBe((3m * round) + 3);
        }
    }

    /// <summary>Many writers whose transactions overlap in every way, and a reader that never rests.</summary>
    [Fact]
    public async Task Miss_nothing_while_many_write_at_once()
    {
        using var stop = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await CatchUp();
            }
        });
        var writers = Enumerable.Range(1, 8).Select(n => Task.Run(async () =>
        {
            var random = new Random(n);
            await using var connection = new NpgsqlConnection(_fixture.Database.Migrations);
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            for (var i = 0; i < 100; i++)
            {
                await connection.ExecuteAsync("BEGIN; INSERT INTO notes VALUES ('takes a transaction id')", CancellationToken.None);
                for (var events = random.Next(1, 4); events > 0; events--)
                {
                    await connection.ExecuteAsync(Deposit, CancellationToken.None);
                    await Task.Delay(random.Next(0, 5), TestContext.Current.CancellationToken);
                }

                await connection.ExecuteAsync(random.Next(5) == 0 ? "ROLLBACK" : "COMMIT", CancellationToken.None);
            }
        })).ToArray();
        await Task.WhenAll(writers);
        await stop.CancelAsync();
        await reader;
        await CatchUp();

        (await Sum("turnover")).ShouldBe(await _fixture.Database.ScalarAsync<long>("SELECT count(*) FROM event_store.events"));
        (await Status("turnover")).Lag.ShouldBe(0);
    }

    [Fact]
    public async Task See_a_stream_in_its_order_even_if_the_later_writer_began_earlier()
    {
        var stream = Fixture.NewId();
        await using var scope = _fixture.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        await using var early = await db.Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await db.Database.ExecuteSqlAsync($"INSERT INTO notes VALUES ('takes a transaction id')", TestContext.Current.CancellationToken);
        await _fixture.Append(stream, 0, new Opened("a"), new Deposited(1));
        await scope.ServiceProvider.GetRequiredService<EventStore>().AppendAsync("account", stream, 2, [new Withdrawn(1, "EUR")], null, CancellationToken.None);
        await early.CommitAsync(TestContext.Current.CancellationToken);

        // Balances.Apply fails on an event that comes before its predecessor.
        await Rebuild("balances");

        (await Status("balances")).Rebuild!.Differences.ShouldBe(0);
    }

    [Fact]
    public async Task Share_the_work_between_replicas_without_doing_it_twice()
    {
        for (var i = 0; i < 20; i++)
        {
            await _fixture.Append(Fixture.NewId(), 0, new Deposited(1), new Deposited(2));
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => CatchUp()));

        await CatchUpTo(60m);
        (await Status("turnover")).Lag.ShouldBe(0);
    }

    [Theory]
    [InlineData("balances")]
    [InlineData("turnover")]
    public async Task Are_rebuilt_beside_the_live_ones_while_writing_goes_on(string name)
    {
        await Daemon.StartAsync(CancellationToken.None);
        var written = 0m;
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var stream = Fixture.NewId();
                await _fixture.Append(stream, 0, new Opened("a"), new Deposited(3));
                await _fixture.Append(stream, 2, new Deposited(2));
                await _fixture.Append(stream, 3, new Withdrawn(1, "EUR"));
                lock (stop)
                {
                    written += 1;
                }
            }
        })).ToArray();
        var reads = 0;
        var reader = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await _fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM {name}");
                reads++;
            }
        });

        for (var i = 0; i < 3; i++)
        {
            await Rebuild(name);
            (await Status(name)).Rebuild!.Differences.ShouldBe(0);
        }

        await stop.CancelAsync();
        await Task.WhenAll([.. writers, reader]);
        await Poll.UntilAsync(async () => (await Status("turnover")).Lag == 0, "the projection to catch up");
        await Daemon.StopAsync(CancellationToken.None);

        reads.ShouldBePositive();
        (await Sum("balances")).ShouldBe(written * 4);
        (await Sum("turnover")).ShouldBe(written * 6);
    }

    [Theory]
    [InlineData("balances")]
    [InlineData("turnover")]
    public async Task Are_read_and_written_while_a_rebuild_waits_for_a_vacuum(string name)
    {
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        await CatchUpTo(1m);
        await using var vacuum = new NpgsqlConnection(_fixture.Database.Migrations);
        await vacuum.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await vacuum.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await vacuum.ExecuteAsync($"LOCK TABLE {name} IN SHARE UPDATE EXCLUSIVE MODE", CancellationToken.None);
        var rebuild = Rebuild(name);
        await Poll.UntilAsync(
            async () => await _fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM pg_locks WHERE relation = '{name}'::regclass AND NOT granted") > 0,
            "the rebuild to wait");

        await _fixture.Append(Fixture.NewId(), 0, new Deposited(2)).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        (await Sum(name).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken)).ShouldBe(name == "balances" ? 3m : 1m);
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        await rebuild;

        (await Status(name)).Rebuild!.Differences.ShouldBe(0);
        await CatchUpTo(3m);
    }

    [Theory]
    [InlineData(RebuildState.Requested, 0, null, 0)]
    [InlineData(RebuildState.Running, 0, 0L, 0)]
    [InlineData(RebuildState.Running, 1, 3L, 33)]
    [InlineData(RebuildState.Running, 3, 3L, 99)]
    [InlineData(RebuildState.Failed, 2, 3L, 66)]
    [InlineData(RebuildState.Completed, 0, 0L, 100)]
    [InlineData(RebuildState.Completed, 7, null, 100)]
    public void Say_how_far_a_rebuild_is(RebuildState state, long position, long? target, int percent) =>
        RebuildStatus.PercentOf(state, position, target).ShouldBe(percent);

    [Theory]
    [InlineData("balances")]
    [InlineData("turnover")]
    public async Task Are_read_and_written_while_a_rebuild_waits_for_a_long_reader(string name)
    {
        await _fixture.Append(Fixture.NewId(), 0, new Deposited(1));
        await CatchUpTo(1m);
        await using var backup = new NpgsqlConnection(_fixture.Database.Migrations);
        await backup.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await backup.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await backup.ExecuteAsync($"LOCK TABLE {name} IN ACCESS SHARE MODE", CancellationToken.None);
        var rebuild = Rebuild(name);

        for (var round = 1; round <= 3; round++)
        {
            await Poll.UntilAsync(
                async () => await _fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM pg_locks WHERE relation = '{name}'::regclass AND NOT granted") > 0,
                "the rebuild to wait");
            await _fixture.Append(Fixture.NewId(), 0, new Deposited(1)).WaitAsync(
                TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);    // a second, if anything
            (await Sum(name).WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken)).ShouldBePositive();
            (await Status(name)).Rebuild!.State.ShouldBe(RebuildState.Running, "the backup still reads.");
            (await Status(name)).Rebuild!.Percent.ShouldBe(99, "all events are there, and it is not through.");
        }

        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        await rebuild;

        (await Status(name)).Rebuild!.State.ShouldBe(RebuildState.Completed);
        (await Status(name)).Rebuild!.Differences.ShouldBe(0);
        await CatchUpTo(4m);
    }

    [Fact]
    public async Task Come_out_right_of_a_rebuild_however_wrong_they_were()
    {
        var stream = Fixture.NewId();
        await _fixture.Append(stream, 0, new Opened("a"), new Deposited(5));
        await _fixture.Database.ExecuteAsync($"UPDATE balances SET amount = 999 WHERE id = '{stream}'");

        await Rebuild("balances");

        (await Sum("balances")).ShouldBe(5m);
        var rebuild = (await Status("balances")).Rebuild!;
        rebuild.State.ShouldBe(RebuildState.Completed);
        rebuild.Differences.ShouldBe(1);
        rebuild.Events.ShouldBe(2);
        rebuild.StartedAt!.Value.ShouldBeGreaterThanOrEqualTo(rebuild.RequestedAt);
        rebuild.Percent.ShouldBe(100);
        rebuild.Target.ShouldBe(rebuild.Position);
        rebuild.Position.ShouldBe(await _fixture.Database.ScalarAsync<long>("SELECT max(position) FROM event_store.events"));
        (await _fixture.Database.ScalarAsync<long>("SELECT count(*) FROM balances_shadow")).ShouldBe(0);
        (await LocksLeft()).ShouldBe(0, "the next rebuild may be another replica's");

        await _fixture.Append(stream, 2, new Deposited(1));
        (await Sum("balances")).ShouldBe(6m);
    }

    [Fact]
    public async Task Leave_the_live_tables_alone_when_a_rebuild_fails()
    {
        var stream = Fixture.NewId();
        await _fixture.Append(stream, 0, new Opened("a"), new Deposited(5));
        await _fixture.Database.ExecuteAsync("ALTER TABLE balances_shadow ADD CHECK (amount < 1)");

        await Rebuild("balances");

        (await Status("balances")).Rebuild!.State.ShouldBe(RebuildState.Failed);
        (await LocksLeft()).ShouldBe(0);
        (await Sum("balances")).ShouldBe(5m);
    }

    [Fact]
    public async Task Go_on_where_they_were_when_the_data_has_come_to_another_server()
    {
        var (old, unread, later) = (Fixture.NewId(), Fixture.NewId(), Fixture.NewId());
        await _fixture.Append(old, 0, new Deposited(10));
        await CatchUpTo(10m);
        await _fixture.Append(unread, 0, new Deposited(20));

        for (var move = 1; move <= 2; move++)
        {
            await _fixture.Move();
            await _fixture.Append(old, move, new Deposited(100));    // on top of what came along
            await _fixture.Append(later, move - 1, new Deposited(1000));
            await CatchUpTo(30m + (move * 1100m));
        }

        foreach (var projection in (string[])["turnover", "balances"])
        {
            await Rebuild(projection);
            (await Status(projection)).Rebuild!.Differences.ShouldBe(0);
        }

        (await Sum("turnover")).ShouldBe(2230m);
        (await Status("turnover")).Lag.ShouldBe(0);
    }

    /// <summary>The version before read in the order of transactions: it may have come to position 3 before 2.</summary>
    [Theory]
    [InlineData(3, 3, 1101, true)]
    [InlineData(4, 2, 1111, false)]
    public async Task Come_along_from_the_version_that_read_by_transactions(int transaction, int position, int applied, bool early)
    {
        await using var inherited = new Fixture();
        await inherited.InitializeAsync(
            $$"""
            INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at, transaction_id)
            SELECT gen_random_uuid(), gen_random_uuid(), 'account', 1, 'account.deposited', 1, format('{"amount": "%s"}', amount)::jsonb, '{"correlationId": "old"}', now(), id::xid8
            FROM (VALUES (1, '1', '2'), (2, '10', '4'), (3, '100', '3'), (4, '1000', '1'), (5, '10000', '5')) AS e(n, amount, id) ORDER BY n;
            UPDATE event_store.projections SET transaction_id = '{{transaction}}', position = {{position}} WHERE name = 'turnover';
            INSERT INTO turnover VALUES ('account.deposited', 4, {{applied}})
            """);
        (await inherited.Database.ScalarAsync<string>(
            "SELECT position || ' ' || coalesce(rebuild_state, '-') FROM event_store.projections WHERE name = 'turnover'"))
            .ShouldBe(early ? "4 requested" : "4 -");

        await inherited.Services.GetRequiredService<ProjectionDaemon>().StartAsync(CancellationToken.None);
        await Poll.UntilAsync(
            async () => (await inherited.Database.ScalarAsync<decimal>("SELECT sum(amount) FROM turnover"), await inherited.Database.ScalarAsync<string>(
                "SELECT position::text FROM event_store.projections WHERE name = 'turnover'")),
            found => found == (11111m, "5"),
            "the projection to have everything once");
        await inherited.Services.GetRequiredService<ProjectionDaemon>().StopAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData("force_custom_plan")]
    [InlineData("force_generic_plan")]
    public async Task Read_one_batch_and_no_more_after_a_bulk_load(string plans)
    {
        // One transaction brought nearly everything that there is: whoever guesses by transactions alone expects that nothing is left after it.
        await _fixture.Append(Fixture.NewId(), 0, new Opened("a"));
        await _fixture.Database.ExecuteAsync(
            """
            INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 'account', 1, 'account.deposited', 1, '{"amount": "1"}', '{"correlationId": "bulk"}', now() FROM generate_series(1, 20000);
            ANALYZE event_store.events
            """);
        await using var connection = new NpgsqlConnection(_fixture.Database.Migrations);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync($"SET plan_cache_mode = {plans}", CancellationToken.None);
        await connection.ExecuteAsync($"PREPARE batch(bigint, bigint, int) AS {EventSql.Between}", CancellationToken.None);
        await using var explain = new NpgsqlCommand("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE batch(10000, 1000000000, 100)", connection);
        var plan = (string)(await explain.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;

        Regex.Matches(plan, "\"Actual Rows\": ([0-9]+)").Max(m => long.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).ShouldBe(100, plan);
    }

    [Fact]
    public async Task Let_any_replica_do_the_next_rebuild()
    {
        await _fixture.Append(Fixture.NewId(), 0, new Opened("a"));

        await Rebuild("balances");

        // The session goes back to the pool of connections, and must not take the lock along.
        (await _fixture.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")).ShouldBe(0);
    }

    [Fact]
    public async Task Tell_a_watcher_in_any_process_that_a_stream_has_grown()
    {
        var stream = Fixture.NewId();
        await _fixture.Append(stream, 0, new Opened("a"));
        var watcher = _fixture.Services.GetRequiredService<StreamWatcher>();
        await watcher.StartAsync(CancellationToken.None);

        (await watcher.WaitForVersionAboveAsync(stream, 0, TimeSpan.FromMinutes(3), CancellationToken.None)).ShouldBeTrue();
        var waiting = watcher.WaitForVersionAboveAsync(stream, 1, TimeSpan.FromMinutes(3), CancellationToken.None);
        waiting.IsCompleted.ShouldBeFalse();
        await _fixture.Append(stream, 1, new Deposited(1));

        (await waiting).ShouldBeTrue();
        (await watcher.WaitForVersionAboveAsync(stream, 2, TimeSpan.FromMilliseconds(1), CancellationToken.None)).ShouldBeFalse();
        await watcher.StopAsync(CancellationToken.None);
    }

    private const string Deposit =
        """
        INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'account', 1, 'account.deposited', 1, '{"amount": "1"}', '{"correlationId": "sql"}', now()
        """;

    /// <summary>A transaction of its own, which is open after a first statement.</summary>
    private static async Task<NpgsqlConnection> Begin(string connectionString, string statement)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "somebody" }.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("BEGIN; " + statement, TestContext.Current.CancellationToken);
        return connection;
    }

    private Projection Named(string name) => _fixture.Services.GetServices<Projection>().Single(p => p.Name == name);

    private async Task CatchUp()
    {
        while (await Daemon.AdvanceAsync(Named("turnover"), CancellationToken.None))
        {
        }
    }

    private async Task CatchUpTo(decimal sum) => await Poll.UntilAsync(
        async () =>
        {
            await CatchUp();
            return await Sum("turnover");
        },
        s => s == sum,
        $"the turnover to reach {sum}");

    private async Task Rebuild(string name)
    {
        await using var scope = _fixture.Services.CreateAsyncScope();
        (await ProjectionStore.RequestRebuildAsync(
            scope.ServiceProvider.GetRequiredService<DbContext>(), name, TimeProvider.System.GetUtcNow(), CancellationToken.None)).ShouldBeTrue();
        await _fixture.Services.GetRequiredService<ProjectionRebuilder>().RunAsync(Named(name), CancellationToken.None);
        await Poll.UntilAsync(async () => (await Status(name)).Rebuild!.State is RebuildState.Completed or RebuildState.Failed, "the rebuild to end");
    }

    private async Task<ProjectionStatus> Status(string name) =>
        (await ProjectionStore.StatusAsync(_fixture.Services.GetRequiredService<NpgsqlDataSource>(), [Named(name)], CancellationToken.None)).Single();

    private Task<long> LocksLeft() => _fixture.Database.ScalarAsync<long>(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");

    private Task<decimal> Sum(string table) => _fixture.Database.ScalarAsync<decimal>($"SELECT coalesce(sum(amount), 0) FROM {table}");
}
