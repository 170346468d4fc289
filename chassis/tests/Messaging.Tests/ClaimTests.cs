using System.Text.Json;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Testing;
using Chassis.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using NpgsqlTypes;
using RabbitMQ.Client;
using Shop.Contracts;

namespace Messaging.Tests;

/// <summary>What a look at the outbox finds, in which order, and what it reads for that.</summary>
public sealed class ClaimTests(WorkFixture fixture) : IClassFixture<WorkFixture>, IAsyncDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(8);

    private readonly FakeTimeProvider _clock = new();
    private readonly NpgsqlDataSource _database = NpgsqlDataSource.Create(fixture.Database.Migrations);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private OutboxStore Store => new(_database, ShopContracts.Catalogue);

    // No request is at hand: there is nothing to record.
    private AuditTrail Audit => new(_database, new HttpContextAccessor(), new ConfigurationBuilder().Build(), NullLogger<AuditTrail>.Instance);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    /// <summary>As a backup holds one: what was sent meanwhile stays in the index as long as it lasts.</summary>
    [Fact]
    public async Task A_look_reads_nothing_of_what_was_sent_while_somebody_holds_an_old_snapshot()
    {
        await fixture.Database.ExecuteAsync(
            """
            INSERT INTO messaging.outbox (message_id, exchange, routing_key, content_type, headers, body, mandatory, scheduled, due_at)
            SELECT gen_random_uuid(), 'work.sent', '', '', '{}', convert_to(repeat('x', 400), 'UTF8'), false, false, now() - interval '10 minutes' + n * interval '1 ms' FROM generate_series(1, 20000) n
            """);
        await using var reader = await _database.OpenConnectionAsync(Token);
        await using var snapshot = await reader.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, Token);
        await using (var look = new NpgsqlCommand("SELECT count(*) FROM messaging.outbox", reader, snapshot))
        {
            await look.ExecuteScalarAsync(Token);
        }

        await fixture.Database.ExecuteAsync("DELETE FROM messaging.outbox WHERE exchange = 'work.sent'");
        var watermark = await PassedAsync();

        (await PagesAsync(watermark.Begin())).ShouldBeLessThan(200);
        _clock.Advance(Watermark.Longest);
        (await PagesAsync(watermark.Begin())).ShouldBeGreaterThan(1_000, "there is nothing to save, and the test shows nothing.");
    }

    [Theory]
    [InlineData("a transaction that was open for long", "UPDATE messaging.outbox SET due_at = now() - interval '1 hour', parked_at = NULL WHERE message_id = $1")]
    [InlineData("a clock that was late", "UPDATE messaging.outbox SET scheduled = true, due_at = now() - interval '1 day', parked_at = NULL WHERE message_id = $1")]
    [InlineData("an operator who puts it back by hand", "UPDATE messaging.outbox SET parked_at = NULL WHERE message_id = $1")]
    [InlineData("an erasure", "UPDATE messaging.outbox SET body = '', parked_at = NULL WHERE message_id = $1")]
    public async Task A_row_below_the_watermark_is_claimed_within_half_a_minute(string because, string statement)
    {
        var row = await ParkedAsync();
        await using var connection = await _database.OpenConnectionAsync(Token);
        await using var late = await connection.BeginTransactionAsync(Token);
        await using (var command = new NpgsqlCommand(statement, connection, late) { Parameters = { new() { Value = row } } })
        {
            await command.ExecuteNonQueryAsync(Token);
        }

        var watermark = await PassedAsync();
        await late.CommitAsync(Token);

        (await ClaimAsync(watermark)).ShouldNotContain(row, "it lies below, and the test shows nothing.");
        _clock.Advance(Watermark.Longest);
        (await ClaimAsync(watermark)).ShouldContain(row, because);
    }

    [Fact]
    public async Task A_row_that_an_operator_releases_is_claimed_at_once()
    {
        var row = await ParkedAsync();
        var watermark = await PassedAsync();

        await Store.ReleaseAsync(Audit, Token);
        (await ClaimAsync(watermark)).ShouldContain(row);
    }

    [Fact]
    public async Task A_look_from_the_beginning_that_costs_nothing_is_made_every_time()
    {
        var watermark = new Watermark(Lease, _clock);
        await ClaimAsync(watermark);
        var row = await ParkedAsync();
        await fixture.Database.ExecuteAsync($"UPDATE messaging.outbox SET parked_at = NULL WHERE message_id = '{row}'");

        (await ClaimAsync(watermark)).ShouldContain(row);
    }

    /// <summary>The share is of the rows that are claimed, so the order of publishing shows it, however fast they go.</summary>
    [Fact]
    public async Task A_replay_of_thousands_lets_live_messages_pass()
    {
        await fixture.Database.ExecuteAsync("DELETE FROM messaging.outbox");
        await using var channel = await fixture.OpenChannelAsync();
        await channel.ExchangeDeclareAsync("work.alive", ExchangeType.Fanout, durable: true, cancellationToken: Token);
        await channel.ExchangeDeclareAsync(ShopContracts.Exchanges.Replay, ExchangeType.Direct, durable: true, cancellationToken: Token);
        await channel.QueueDeclareAsync("work.both", durable: true, exclusive: false, autoDelete: false, cancellationToken: Token);
        await channel.QueueBindAsync("work.both", "work.alive", string.Empty, cancellationToken: Token);
        await channel.QueueBindAsync("work.both", ShopContracts.Exchanges.Replay, "work.both", cancellationToken: Token);
        await fixture.Database.ExecuteAsync(
            """
            INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
            SELECT gen_random_uuid(), 'shop.order.cancelled.v1', 'order', now() - interval '1 hour' + n * interval '1 ms', json_build_object('number', n::text), '{}'
            FROM generate_series(1, 3000) n
            """);
        var now = TimeProvider.System.GetUtcNow();
        (await Store.ReplayAsync(Guid.CreateVersion7(), "work.both", now.AddDays(-1), now, null, null, Audit, Token)).ShouldBe(3_000);
        var later = TimeProvider.System.GetUtcNow().AddSeconds(1);
        await Store.InsertAsync([Row(later), Row(later)], Lease, Token);
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE exchange = 'work.alive' AND due_at <= now()"),
            n => n == 2,
            "the live ones to be due");

        var received = await WorkFixture.ListenToQueueAsync(channel, "work.both");
        // Nobody takes over what a busy machine is slow to confirm: that would be sent twice.
        var host = await fixture.StartAsync(settings: new Dictionary<string, string?> { ["Messaging:Lease"] = "00:10:00" });
        await Poll.UntilAsync(() => received.Count >= 3_002, "everything");
        string?[] order = [.. received.Select(m => m.BasicProperties.HeaderText("number"))];
        order.Index().Where(m => m.Item is null).Select(m => m.Index).ShouldAllBe(place => place < 1_000);
        order.OfType<string>().ShouldBe(Enumerable.Range(1, 3_000).Select(n => $"{n}"), "a replay keeps its order.");
        await Poll.UntilAsync(fixture.OutboxRows, n => n == 0, "an empty outbox");
        await host.StopAsync(Token);
    }

    private static OutboxRow Row(DateTimeOffset? due) => new()
    {
        MessageId = Guid.CreateVersion7(),
        Exchange = "work.alive",
        RoutingKey = string.Empty,
        ContentType = "application/json",
        Headers = new Dictionary<string, string>(),
        Body = "{}"u8.ToArray(),
        DueAt = due,
    };

    /// <summary>A watermark after a look from the beginning that has claimed everything, and took so long that the next ones do without.</summary>
    private async Task<Watermark> PassedAsync()
    {
        var watermark = new Watermark(Lease, _clock);
        await ClaimAsync(watermark);
        watermark.Begin();
        _clock.Advance(TimeSpan.FromSeconds(2));
        watermark.End(await fixture.Database.ScalarAsync<DateTime>("SELECT now()"), null, null);
        return watermark;
    }

    private async Task<List<Guid>> ClaimAsync(Watermark watermark) =>
        [.. (await Store.ClaimAsync(1_000, 0, watermark, TimeSpan.FromHours(1), Token)).Rows.Select(r => r.MessageId)];

    private async Task<Guid> ParkedAsync()
    {
        var row = Row(TimeProvider.System.GetUtcNow().AddHours(-1));
        await Store.InsertAsync([row], Lease, Token);
        await fixture.Database.ExecuteAsync($"UPDATE messaging.outbox SET parked_at = now() WHERE message_id = '{row.MessageId}'");
        return row.MessageId;
    }

    private async Task<int> PagesAsync((DateTime Due, DateTime Replayed) from)
    {
        await using var command = _database.CreateCommand("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + OutboxStore.ClaimSql);
        command.Parameters.AddRange((NpgsqlParameter[])
        [
            new NpgsqlParameter<int> { TypedValue = 500 },
            new NpgsqlParameter<TimeSpan> { TypedValue = Lease, NpgsqlDbType = NpgsqlDbType.Interval },
            new NpgsqlParameter<DateTime> { TypedValue = from.Due, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            new NpgsqlParameter<DateTime> { TypedValue = from.Replayed, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            new NpgsqlParameter<int> { TypedValue = 100 },
        ]);
        var plan = JsonElement.Parse((string)(await command.ExecuteScalarAsync(Token))!)[0].GetProperty("Plan");
        return plan.GetProperty("Shared Hit Blocks").GetInt32() + plan.GetProperty("Shared Read Blocks").GetInt32();
    }
}
