using System.Diagnostics;
using System.Globalization;
using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Testing;
using Npgsql;
using NpgsqlTypes;

namespace Tables.Bench;

/// <summary>
/// Rows of five years of streams and ten weeks of messages, evenly spread, and what is done to them: by the statements of the chassis, a thousand in a
/// transaction, so that the disk's commits are in no figure.
/// </summary>
internal sealed class Stage(TestDatabase database, bool parts) : IAsyncDisposable
{
    private const int EventsOfStream = 8;
    private const int Years = 5;
    private const int Weeks = 10;
    private const int Rounds = 1_000;
    private const int Piece = 250_000;

    private readonly Random _random = new(42);
    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(database.Migrations) { MaxAutoPrepare = 50, CommandTimeout = 1_800 });

    private readonly DateTime _began = TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(14);
    private long _streams;
    private long _messages;
    private int _new;

    /// <summary>Makes the rows, those of the past first, as they would have come.</summary>
    public async Task FillAsync(long events, long messages)
    {
        (_streams, _messages) = (events / EventsOfStream, messages);
        for (var from = 0L; from < _streams; from += Piece / EventsOfStream)
        {
            await MakeAsync("event_store.events", StreamTime(from));
            await ExecuteAsync(
                """
                INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
                SELECT gen_random_uuid(), id, 'order', v, 'order.event' || v, 1, jsonb_build_object('text', repeat('x', 160)), '{"correlationId": "of the benchmark"}', now()
                FROM (SELECT (lpad(to_hex((extract(epoch FROM $1::timestamptz + n * $4::interval) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid AS id
                    FROM generate_series($2::bigint, $3::bigint) AS n) AS s, generate_series(1, 8) AS v
                """,
                _began, from, Math.Min(_streams, from + (Piece / EventsOfStream)) - 1, Step(_streams, Years * 365));
        }

        for (var from = 0L; from < messages; from += Piece)
        {
            await MakeAsync("messaging.inbox", MessageTime(from));
            await ExecuteAsync(
                """
                INSERT INTO messaging.inbox (message_id, consumer_id)
                SELECT (lpad(to_hex((extract(epoch FROM $1::timestamptz + n * $4::interval) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
                    '01a20000-0000-7000-8000-000000000001' FROM generate_series($2::bigint, $3::bigint) AS n
                """,
                _began, from, Math.Min(messages, from + Piece) - 1, Step(messages, Weeks * 7));
        }

        await ExecuteAsync("VACUUM ANALYZE event_store.events, messaging.inbox");
    }

    /// <summary>Milliseconds for each, the median of five times a thousand.</summary>
    public async Task<IReadOnlyList<(string Name, double Value)>> MeasureAsync() =>
    [
        ("a message that is new", await TimeAsync("INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", () => [Later(), Consumer])),
        ("a message that comes again", await TimeAsync("INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", () => [Message(), Consumer])),
        ("the first event of a stream", await TimeAsync(EventSql.Insert, () => Append(Later(), 0))),
        ("one more event of a stream, of any time", await TimeAsync(EventSql.Insert, () => Append(Stream(), EventsOfStream), distinct: true)),
        ("a stream of any time is read", await TimeAsync($"{EventSql.Select} WHERE e.stream_id = $1 ORDER BY e.version", () => [Stream()])),
        ("500 events are read by position, from anywhere", await TimeAsync(EventSql.Between, () => [_random.NextInt64(_streams * EventsOfStream), long.MaxValue, 500], count: 50)),
        ("the end of the store is asked for more", await TimeAsync(EventSql.Between, () => [_streams * 2 * EventsOfStream, long.MaxValue, 500])),
    ];

    /// <summary>Seconds until a tenth of the inbox is gone: by a drop, or by deleting.</summary>
    public async Task<double> ForgetAsync()
    {
        var began = Stopwatch.GetTimestamp();
        if (parts)
        {
            await ExecuteAsync(
                """
                SELECT partitions.drop_older('messaging.inbox', '7 days', (
                    SELECT partitions.time_of(ends) FROM partitions.parts WHERE of = 'messaging.inbox' AND begins IS NOT NULL ORDER BY begins LIMIT 1 OFFSET 1) + interval '7 days')
                """);
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        var left = _messages / Weeks;
        for (; left > 0; left -= 5_000)
        {
            await ExecuteAsync("DELETE FROM messaging.inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM messaging.inbox LIMIT 5000 FOR UPDATE SKIP LOCKED))");
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await database.DisposeAsync();
    }

    private static Guid Consumer { get; } = new("01a20000-0000-7000-8000-000000000001");

    private static TimeSpan Step(long rows, int days) => TimeSpan.FromDays(days) / Math.Max(1, rows);

    private DateTime StreamTime(long n) => _began + (n * Step(_streams, Years * 365));

    private DateTime MessageTime(long n) => _began + (n * Step(_messages, Weeks * 7));

    private Guid Stream() => Id(_random.NextInt64(_streams), _streams, Years * 365);

    private Guid Message() => Id(_random.NextInt64(_messages), _messages, Weeks * 7);

    private Guid Id(long n, long rows, int days) => new(string.Create(
        CultureInfo.InvariantCulture, $"{new DateTimeOffset(_began + (n * Step(rows, days))).ToUnixTimeMilliseconds():x12}70008{n:x15}"));

    private Guid Later() => new(string.Create(
        CultureInfo.InvariantCulture, $"{new DateTimeOffset(_began.AddDays(Years * 365)).ToUnixTimeMilliseconds():x12}70009{_new++:x15}"));

    private static object[] Append(Guid stream, long version) =>
    [
        stream, "order", version, new[] { Guid.CreateVersion7() }, new[] { "order.event" }, new[] { 1 }, new[] { """{"text":"of the benchmark"}""" },
        new NpgsqlParameter { Value = new string?[] { null }, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
        new NpgsqlParameter { Value = """{"correlationId": "of the benchmark"}""", NpgsqlDbType = NpgsqlDbType.Jsonb }, TimeProvider.System.GetUtcNow().UtcDateTime,
    ];

    private async Task<double> TimeAsync(string sql, Func<object[]> values, int count = Rounds, bool distinct = false)
    {
        var times = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            await using var connection = await _source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < count; i++)
            {
                await using var command = new NpgsqlCommand(sql, connection);
                foreach (var value in values())
                {
                    command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
                }

                await using var reader = await command.ExecuteReaderAsync();
                while (await reader.ReadAsync())
                {
                }
            }

            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds / count);
            if (distinct)
            {
                await transaction.RollbackAsync();      // the version is there once
            }
            else
            {
                await transaction.CommitAsync();
            }
        }

        return times.Order().ElementAt(2);
    }

    private async Task MakeAsync(string table, DateTime at)
    {
        if (parts)
        {
            await ExecuteAsync("SELECT partitions.make($1, 4, $2)", table, at);
        }
    }

    private Task<int> ExecuteAsync(string sql, params object[] values) => _source.ExecuteAsync(sql, CancellationToken.None, values);
}
