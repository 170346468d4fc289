using Chassis;
using Chassis.EventSourcing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EventSourcing.Tests;

public sealed class Event_store(Fixture fixture) : IClassFixture<Fixture>
{
    [Fact]
    public async Task Keeps_what_happened_in_order_with_everything_it_belongs_to()
    {
        var stream = Fixture.NewId();
        using (OperationContext.Begin(new OperationContext("correlation-1", "cause-1", "user-1", "tenant-1")))
        {
            await fixture.Append(stream, 0, new Opened("Savings"), new Deposited(10.10m));
        }

        await fixture.Append(stream, 2, new Withdrawn(0.10m, "EUR"));

        var events = await fixture.Read(stream);
        events.Select(e => e.Data).ShouldBe([new Opened("Savings"), new Deposited(10.10m), new Withdrawn(0.10m, "EUR")]);
        events.Select(e => e.Version).ShouldBe([1, 2, 3]);
        events.Select(e => e.EventType).ShouldBe(["account.opened", "account.deposited", "account.withdrawn"]);
        events.Select(e => e.EventId).ShouldBeUnique();
        events[1].Position.ShouldBeGreaterThan(events[0].Position);
        events[0].Metadata.ShouldBe(new EventMetadata("correlation-1", "cause-1", "user-1", "tenant-1", null));
        events[2].Metadata.CorrelationId.ShouldNotBe("correlation-1");
    }

    [Fact]
    public async Task Refuses_events_that_were_decided_on_an_older_version()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"), new Deposited(1));

        await Should.ThrowAsync<ConcurrencyException>(() => fixture.Append(stream, 0, new Opened("b")));
        await Should.ThrowAsync<ConcurrencyException>(() => fixture.Append(stream, 1, new Deposited(2), new Deposited(3)));

        (await fixture.Read(stream)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Leaves_no_gap_in_a_stream()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"));

        await Should.ThrowAsync<ConcurrencyException>(() => fixture.Append(stream, 5, new Deposited(1)));
        await Should.ThrowAsync<ConcurrencyException>(() => fixture.Append(Fixture.NewId(), 1, new Deposited(1)));
    }

    [Fact]
    public async Task Lets_one_of_many_concurrent_writers_win()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"));

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                await fixture.Append(stream, 1, new Deposited(i), new Deposited(i));
                return true;
            }
            catch (ConcurrencyException)
            {
                return false;
            }
        }));

        outcomes.Count(won => won).ShouldBe(1);
        (await fixture.Read(stream)).Select(e => e.Version).ShouldBe([1, 2, 3]);
    }

    [Fact]
    public async Task Serialises_writers_that_lock_the_stream_before_they_decide()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => fixture.Unit(async (_, store) =>
        {
            var read = await store.LockAndReadAsync(stream, CancellationToken.None);
            return await store.AppendAsync("account", stream, read.Count, [new Deposited(read.Count)], null, CancellationToken.None);
        })));

        (await fixture.Read(stream)).Select(e => e.Version).ShouldBe(Enumerable.Range(1, 21).Select(v => (long)v));
    }

    [Fact]
    public async Task Does_not_wait_for_ever_for_whoever_decides_on_a_stream()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"));

        await fixture.Unit(async (_, deciding) =>
        {
            await deciding.LockAndReadAsync(stream, CancellationToken.None);

            var refusal = await Should.ThrowAsync<PostgresException>(
                () => fixture.Unit((_, waiting) => waiting.LockAndReadAsync(stream, CancellationToken.None)));

            refusal.SqlState.ShouldBe(PostgresErrorCodes.LockNotAvailable);
            return true;
        });

        (await fixture.Unit((_, store) => store.LockAndReadAsync(stream, CancellationToken.None))).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Answers_by_aggregate_version_and_time()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"), new Deposited(1));
        var between = (await fixture.Read(stream))[^1].OccurredAt;
        await fixture.Append(stream, 2, new Deposited(2));

        await using var scope = fixture.Services.CreateAsyncScope();
        var store = scope.ServiceProvider.GetRequiredService<EventStore>();
        (await store.ReadAsync(stream, toVersion: 1)).Count.ShouldBe(1);
        (await store.ReadAsync(stream, afterVersion: 1)).Count.ShouldBe(2);
        (await store.ReadAsync(stream, afterVersion: 1, limit: 1)).Single().Version.ShouldBe(2);
        (await store.ReadAsync(stream, until: between)).Count.ShouldBe(2);
        (await store.ReadAsync(stream, until: between.AddDays(-1))).ShouldBeEmpty();
    }

    [Fact]
    public async Task Answers_by_type_and_time_over_all_streams_page_by_page()
    {
        var before = TimeProvider.System.GetUtcNow();
        var streams = Enumerable.Range(0, 3).Select(_ => Fixture.NewId()).ToArray();
        foreach (var stream in streams)
        {
            await fixture.Append(stream, 0, new Opened("query"), new Deposited(1));
        }

        await using var scope = fixture.Services.CreateAsyncScope();
        var store = scope.ServiceProvider.GetRequiredService<EventStore>();
        var first = await store.FindAsync(new EventQuery("account", "account.opened", before, Limit: 2), CancellationToken.None);
        var rest = await store.FindAsync(new EventQuery("account", "account.opened", before, AfterPosition: first[^1].Position), CancellationToken.None);

        first.Count.ShouldBe(2);
        first.Concat(rest).Select(e => e.StreamId).ToHashSet().IsSupersetOf(streams).ShouldBeTrue();
        (await store.FindAsync(new EventQuery("account", To: before.AddYears(-1)), CancellationToken.None)).ShouldBeEmpty();
        (await store.FindAsync(new EventQuery("other"), CancellationToken.None)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Reads_an_event_of_an_old_version_as_the_current_one()
    {
        var stream = Fixture.NewId();
        await fixture.Database.ExecuteAsync(
            $$"""
            INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
            VALUES (gen_random_uuid(), '{{stream}}', 'account', 1, 'account.withdrawn', 1, '{"amount": "5.00"}', '{"correlationId": "old"}', now())
            """);

        var stored = (await fixture.Read(stream)).Single();
        stored.Data.ShouldBe(new Withdrawn(5.00m, "EUR"));
        stored.EventVersion.ShouldBe(2);
    }

    [Fact]
    public async Task Says_so_when_it_meets_an_event_of_a_newer_version_of_the_service()
    {
        var stream = Fixture.NewId();
        await fixture.Database.ExecuteAsync(
            $$"""
            INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
            VALUES (gen_random_uuid(), '{{stream}}', 'account', 1, 'account.opened', 7, '{}', '{"correlationId": "new"}', now())
            """);

        (await Should.ThrowAsync<InvalidOperationException>(() => fixture.Read(stream))).Message.ShouldContain("version 7");
        await fixture.Database.ExecuteAsync("ALTER TABLE event_store.events DISABLE TRIGGER append_only");
        await fixture.Database.ExecuteAsync($"DELETE FROM event_store.events WHERE stream_id = '{stream}'");
        await fixture.Database.ExecuteAsync("ALTER TABLE event_store.events ENABLE TRIGGER append_only");
    }

    [Theory]
    [InlineData("UPDATE event_store.events SET event_type = 'x'")]
    [InlineData("DELETE FROM event_store.events")]
    [InlineData("TRUNCATE event_store.events")]
    [InlineData("DROP TABLE event_store.events")]
    [InlineData("ALTER TABLE event_store.events DISABLE TRIGGER append_only")]
    [InlineData("UPDATE event_store.events_before SET event_type = 'x'")]
    [InlineData("INSERT INTO event_store.events_open SELECT * FROM event_store.events")]
    [InlineData("SELECT partitions.drop_older('event_store.events', '1 day', now() + interval '1 year')")]
    public async Task Cannot_be_rewritten_by_the_service(string sql)
    {
        await using var source = NpgsqlDataSource.Create(fixture.Database.Runtime);
        await using var command = source.CreateCommand(sql);
        (await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Theory]
    [InlineData("event_store.events")]
    [InlineData("event_store.events_before")]
    [InlineData("event_store.events_open")]
    public async Task Is_not_rewritten_by_its_owner_by_accident(string table) =>
        (await Should.ThrowAsync<PostgresException>(() => fixture.Database.ExecuteAsync($"UPDATE {table} SET event_type = 'x'")))
            .MessageText.ShouldContain("append-only");

    [Fact]
    public async Task Keeps_a_stream_in_one_part_and_its_versions_apart_there_whenever_they_are_written()
    {
        var streams = new List<Guid>();
        for (var began = TimeProvider.System.GetUtcNow(); streams.Count < 6; began = began.AddDays(100))
        {
            await fixture.Database.ScalarAsync<int>($"SELECT partitions.make('event_store.events', 1, '{began:O}')");
            streams.Add(Guid.CreateVersion7(began));
            await fixture.Append(streams[^1], 0, new Opened("a"));
        }

        foreach (var stream in streams)
        {
            await fixture.Append(stream, 1, new Deposited(1));
            await Should.ThrowAsync<ConcurrencyException>(() => fixture.Append(stream, 1, new Deposited(2)));
            (await fixture.Read(stream)).Select(e => e.Version).ShouldBe([1, 2]);
        }

        var list = string.Join("', '", streams);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(DISTINCT tableoid) FROM event_store.events WHERE stream_id IN ('{list}')")).ShouldBe(6);
        (await fixture.Database.ScalarAsync<bool>(
            $"SELECT array_agg(stream_id ORDER BY position) = ARRAY['{list}', '{list}']::uuid[] FROM event_store.events WHERE stream_id IN ('{list}')")).ShouldBeTrue();
        foreach (var part in await PartsAsync())
        {
            (await Should.ThrowAsync<PostgresException>(() => fixture.Database.ExecuteAsync($"DELETE FROM {part}"))).MessageText.ShouldContain("append-only");
        }
    }

    private async Task<string[]> PartsAsync() =>
        (await fixture.Database.ScalarAsync<string>("SELECT string_agg(name, ' ') FROM partitions.parts WHERE of = 'event_store.events'")).Split(' ');

    [Fact]
    public async Task Takes_events_only_in_a_transaction()
    {
        await using var scope = fixture.Services.CreateAsyncScope();
        await Should.ThrowAsync<InvalidOperationException>(() =>
            scope.ServiceProvider.GetRequiredService<EventStore>().AppendAsync("account", Fixture.NewId(), 0, [new Opened("a")], null, CancellationToken.None));
    }

    [Fact]
    public void Knows_only_events_with_an_explicit_name() =>
        Should.Throw<InvalidOperationException>(() => fixture.Services.GetRequiredService<EventTypeMap>().Of(typeof(string)));
}
