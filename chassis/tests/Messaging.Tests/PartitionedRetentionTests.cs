using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Messaging.Tests;

/// <summary>What has outlived its time is dropped with its part; what is younger is not, whoever sweeps.</summary>
public sealed class PartitionedRetentionTests : IAsyncLifetime
{
    // As the version before this wrote it.
    private const string EarlierCleanup =
        """
        DELETE FROM messaging.inbox USING (SELECT set_config('synchronous_commit', 'off', true)) AS flush WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM messaging.inbox WHERE received_at < now() - interval '7 days' LIMIT 5000 FOR UPDATE SKIP LOCKED))
        """;

    private TestDatabase _database = null!;
    private TestVhost _vhost = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        _vhost = await TestVhost.CreateAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _vhost.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Weeks_that_are_over_are_dropped_and_their_ids_still_have_a_place()
    {
        using var host = await MigratedAsync();
        var cleanup = host.Services.GetRequiredService<InboxCleanup>();
        await FillAsync();
        await _database.ExecuteAsync(
            """
            INSERT INTO messaging.inbox VALUES ('f0000000-0000-4000-8000-000000000001', gen_random_uuid(), now() - interval '8 days');
            CREATE TABLE first_week AS SELECT begins FROM partitions.parts WHERE of = 'messaging.inbox' AND begins IS NOT NULL ORDER BY begins LIMIT 1;
            """);

        (await DropAsync(1, "6 days")).ShouldBe(0, "its time has not come");
        (await DropAsync(3, "7 days")).ShouldBe(3);
        await cleanup.CleanAsync(Token);

        (await RowsAsync()).ShouldBe(1, "of the week that is not over");
        await _database.ExecuteAsync("INSERT INTO messaging.inbox SELECT begins, gen_random_uuid() FROM first_week");
        (await _database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox_before")).ShouldBe(1, "of an id whose week was dropped");
    }

    [Fact]
    public async Task A_week_stays_as_long_as_something_of_it_was_received_lately()
    {
        using var host = await MigratedAsync();
        await FillAsync();
        await _database.ExecuteAsync(
            "UPDATE messaging.inbox SET received_at = partitions.time_of(ends) + interval '5 days' FROM partitions.parts WHERE begins = message_id");

        (await DropAsync(1, "8 days")).ShouldBe(0);
        (await RowsAsync()).ShouldBe(4);
        (await DropAsync(1, "13 days")).ShouldBe(1);
        (await RowsAsync()).ShouldBe(3);
    }

    [Fact]
    public async Task A_row_that_comes_while_the_lock_is_waited_for_keeps_its_week()
    {
        using var host = await MigratedAsync();
        await using var writer = new NpgsqlConnection(_database.Migrations);
        await writer.OpenAsync(Token);
        int? dropped;
        do
        {
            dropped = await DropBehindAsync(writer);
        }
        while (dropped is null);

        dropped.ShouldBe(0);
        (await RowsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task The_sweeps_of_the_service_drop_what_has_outlived_its_own_time()
    {
        using var host = await MigratedAsync();
        await CutPastAsync("messaging.inbox", "9 days", "8 days");
        await CutPastAsync("messaging.boundary_events", "7 years", "6 years", "1 year");
        await _database.ExecuteAsync(
            """
            INSERT INTO messaging.inbox SELECT partitions.first_id(at), gen_random_uuid(), at FROM (SELECT now() - interval '8 days 12 hours') AS past (at);
            INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
            SELECT partitions.first_id(now() - age), 'work', 'work', now() - age, '{}', '{}'
            FROM unnest(ARRAY['78 months', '2 years']::interval[]) AS past (age);
            """);
        var clock = new FakeTimeProvider();
        using var cleanup = ActivatorUtilities.CreateInstance<InboxCleanup>(host.Services, clock);
        await cleanup.StartAsync(Token);

        await host.Services.GetRequiredService<Retention>().SweepAsync(Token);
        await Poll.UntilAsync(
            async () =>
            {
                clock.Advance(TimeSpan.FromHours(1));
                return await RowsAsync() == 0;
            },
            "the inbox to have forgotten");

        await cleanup.StopAsync(Token);
        (await _database.ScalarAsync<string>(
            "SELECT string_agg(name, ' ' ORDER BY name) FROM partitions.parts WHERE name LIKE '%past_'"))
            .ShouldBe("messaging.boundary_events_past2 messaging.boundary_events_past3 messaging.inbox_past2");
    }

    [Fact]
    public async Task The_version_before_takes_nothing_away_that_is_young()
    {
        using var host = await MigratedAsync();
        await _database.ExecuteAsync("INSERT INTO messaging.inbox VALUES ('00000000-0000-7000-8000-000000000001', gen_random_uuid(), now() - interval '8 days')");
        await FillAsync();
        (await _database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox WHERE ctid = '(0,1)'")).ShouldBeGreaterThan(3, "in each part one is the first");
        await using var runtime = NpgsqlDataSource.Create(_database.Runtime);

        await runtime.ExecuteAsync(EarlierCleanup, Token);
        (await _database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox WHERE received_at = (SELECT max(received_at) FROM messaging.inbox)")).ShouldBe(4);
        (await host.Services.GetRequiredService<InboxCleanup>().CleanAsync(Token)).ShouldBe(1);
        (await RowsAsync()).ShouldBe(4);
    }

    [Fact]
    public async Task The_service_makes_and_drops_parts_of_these_tables_and_can_do_no_more_to_them()
    {
        using var host = await MigratedAsync();
        await using var runtime = NpgsqlDataSource.Create(_database.Runtime);

        await ExecuteAsync("SELECT partitions.make('messaging.inbox', 6, now())");
        // The version before asks at its start whether it may read every table, and knows nothing of parts.
        (await _database.ScalarAsync<long>(
            $"""
            SELECT count(*) FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'
            AND NOT has_table_privilege('{new NpgsqlConnectionStringBuilder(_database.Runtime).Username}', c.oid, 'SELECT')
            """)).ShouldBe(0);
        foreach (var refused in (string[])
        [
            "SELECT partitions.make('public.effects', 4, now())", "SELECT partitions.make('messaging.inbox', 400, now())",
            "SELECT partitions.make('messaging.inbox', 4, now() + interval '100 years')", "SELECT partitions.drop_older('public.effects', '1 day', now())",
            "DROP TABLE messaging.inbox_open", "DELETE FROM messaging.inbox_before", "UPDATE messaging.boundary_events_open SET type = ''",
            "SELECT partitions.convert('public.effects', 'subject', 7, '', '')", "COMMENT ON TABLE effects IS 'partitioned by subject, 7 days'",
        ])
        {
            await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(refused), refused);
        }

        Task ExecuteAsync(string sql) => runtime.ExecuteAsync(sql, Token);
    }

    /// <summary>As in production: the owner migrates and grants, the service has what it was granted.</summary>
    private async Task<IHost> MigratedAsync()
    {
        var host = WorkHost.Build(
            _database.Runtime, _vhost.Uri, settings: new Dictionary<string, string?> { ["ConnectionStrings:Migrations"] = _database.Migrations });
        foreach (var migrator in host.Services.GetServices<IDatabaseMigrator>())
        {
            await migrator.MigrateAsync(Token);
        }

        return host;
    }

    /// <summary>A row, received now, in each part of a week.</summary>
    private Task FillAsync() => _database.ExecuteAsync(
        """
        INSERT INTO messaging.inbox SELECT begins, gen_random_uuid() FROM partitions.parts
        WHERE of = 'messaging.inbox' AND begins IS NOT NULL AND ends IS NOT NULL
        """);

    /// <summary>As it would be so long after the end of a week that there is a part of.</summary>
    private Task<int> DropAsync(int week, string after) => _database.ScalarAsync<int>(
        $"""
        SELECT partitions.drop_older('messaging.inbox', '7 days', (
            SELECT partitions.time_of(ends) FROM partitions.parts
            WHERE of = 'messaging.inbox' AND begins IS NOT NULL AND ends IS NOT NULL ORDER BY begins LIMIT 1 OFFSET {week - 1}) + interval '{after}')
        """);

    /// <summary>Drops the first week while somebody writes a row of it, and commits when the lock is waited for.</summary>
    /// <returns>How many parts were dropped; null when the lock was given up first, as may happen on a busy machine.</returns>
    private async Task<int?> DropBehindAsync(NpgsqlConnection writer)
    {
        await using var transaction = await writer.BeginTransactionAsync(Token);
        await writer.ExecuteAsync(
            """
            INSERT INTO messaging.inbox SELECT begins, gen_random_uuid(), partitions.time_of(ends) + interval '2 hours' FROM partitions.parts
            WHERE of = 'messaging.inbox' AND begins IS NOT NULL ORDER BY begins LIMIT 1
            """,
            Token);
        var dropping = DropAsync(1, "7 days 1 hour");
        await Poll.UntilAsync(async () => dropping.IsCompleted || await IsLockWaitedForAsync(), "the lock to be waited for");
        try
        {
            await (dropping.IsCompleted ? transaction.RollbackAsync(Token) : transaction.CommitAsync(Token));
            return await dropping;
        }
        catch (PostgresException e) when (DatabaseFailure.IsConflict(e))
        {
            await _database.ExecuteAsync("SET messaging.sweep = 'on'; DELETE FROM messaging.inbox");
            return null;
        }
    }

    private Task<bool> IsLockWaitedForAsync() => _database.ScalarAsync<bool>(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'messaging.inbox'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted)");

    /// <summary>Parts between so long ago, one after the other, and the last one up to the first that there is.</summary>
    private async Task CutPastAsync(string table, params string[] ago)
    {
        await using var owner = NpgsqlDataSource.Create(_database.Migrations);
        await owner.ExecuteAsync(
            $"""
            DO $$
            DECLARE
                first partitions.parts;
                borders uuid[];
            BEGIN
                SELECT * INTO STRICT first FROM partitions.parts WHERE of = '{table}' AND begins IS NULL;
                borders := ARRAY(SELECT partitions.first_id(now() - age) FROM unnest(ARRAY['{string.Join("', '", ago)}']::interval[]) AS age) || first.ends;
                EXECUTE format('ALTER TABLE {table} DETACH PARTITION %s', first.name);
                EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %s FOR VALUES FROM (MINVALUE) TO (%L)', first.name, borders[1]);
                FOR n IN 1..{ago.Length} LOOP
                    EXECUTE format('CREATE TABLE {table}_past%s PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)', n, borders[n], borders[n + 1]);
                END LOOP;
            END
            $$
            """,
            Token);
    }

    private Task<long> RowsAsync() => _database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox");
}
