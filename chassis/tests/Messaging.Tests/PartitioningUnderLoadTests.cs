using System.Collections.Concurrent;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace Messaging.Tests;

/// <summary>
/// The tables of the version before become partitioned while its services go on: with its statements, its rights and its open transactions. None fails, and
/// nothing is believed twice.
/// </summary>
public sealed class PartitioningUnderLoadTests : IAsyncLifetime
{
    private const int Writers = 6;
    private const string Receive = "INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

    private const string Archive =
        """
        INSERT INTO messaging.boundary_events (event_id, type, subject, time, headers, data)
        SELECT id, 'work', 'work', now(), '{}', '{}' FROM unnest($1) AS id ON CONFLICT (event_id) DO NOTHING
        """;

    private readonly ConcurrentDictionary<Guid, int> _received = [];
    private readonly ConcurrentDictionary<Guid, int> _archived = [];
    private readonly Guid _consumer = Guid.CreateVersion7();
    private TestDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Whoever_writes_meanwhile_notices_nothing()
    {
        await using var earlier = new EarlierDatabase(new DbContextOptionsBuilder<EarlierDatabase>().UseNpgsql(_database.Migrations).Options);
        await earlier.Database.MigrateAsync(Token);
        await using var owner = new LaterDatabase(new DbContextOptionsBuilder<LaterDatabase>().UseNpgsql(_database.Migrations).Options);
        var role = new NpgsqlConnectionStringBuilder(_database.Runtime).Username;
        await _database.ExecuteAsync(
            $"""
            GRANT USAGE ON SCHEMA messaging TO {role};
            GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.inbox, messaging.boundary_events TO {role};
            INSERT INTO messaging.inbox SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 20000);
            """);
        var service = new NpgsqlConnectionStringBuilder(_database.Runtime) { MaxAutoPrepare = 20, MaxPoolSize = Writers + 2 };
        await using var runtime = NpgsqlDataSource.Create(service);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var writers = Enumerable.Range(0, Writers).Select(n => Task.Run(() => WriteAsync(runtime, n, over.Token), Token)).ToList();
        await Poll.UntilAsync(() => Task.FromResult(_received.Count), n => n > 200, "the writers to be at work");

        await owner.Database.MigrateAsync(Token);
        var before = _received.Count;
        await Poll.UntilAsync(() => Task.FromResult(_received.Count), n => n > before + 200, "the writers to go on");
        await over.CancelAsync();
        await Task.WhenAll(writers);

        _received.ShouldAllBe(m => m.Value == 1, "each message is new once");
        _archived.ShouldAllBe(e => e.Value == 1, "and so is each event");
        (await _database.ScalarAsync<long>($"SELECT count(*) FROM messaging.inbox WHERE consumer_id = '{_consumer}'")).ShouldBe(_received.Count);
        (await _database.ScalarAsync<long>("SELECT count(DISTINCT position) FROM messaging.boundary_events")).ShouldBe(_archived.Count);
        (await _database.ScalarAsync<long>("SELECT count(*) FROM partitions.tables")).ShouldBe(2);
    }

    /// <summary>Each message comes to two writers, at about the same time; every tenth has an id that says no time.</summary>
    private async Task WriteAsync(NpgsqlDataSource database, int writer, CancellationToken over)
    {
        for (var number = 0; !over.IsCancellationRequested; number++)
        {
            var id = IdOf(writer / 2, number);
            await using var connection = await database.OpenConnectionAsync(Token);
            await using var transaction = await connection.BeginTransactionAsync(Token);
            var isNew = await connection.ExecuteAsync(Receive, Token, id, _consumer);
            int? archived = SaysTime(number) ? await connection.ExecuteAsync(Archive, Token, new NpgsqlParameter<Guid[]> { TypedValue = [id] }) : null;
            await transaction.CommitAsync(Token);
            _received.AddOrUpdate(id, isNew, (_, n) => n + isNew);
            if (archived is { } count)
            {
                _archived.AddOrUpdate(id, count, (_, n) => n + count);
            }
        }
    }

    private static bool SaysTime(int number) => number % 10 != 9;

    // The two count alike: what they have is the same.
    private static Guid IdOf(int pair, int number) => new((SaysTime(number) ? $"01a2{number:x8}{pair:x4}" : $"f0a2{number:x8}{pair:x4}").PadRight(32, '0'));

    [DbContext(typeof(EarlierDatabase))]
    [Migration("0001_before")]
    internal class Before : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateMessagingTables();
    }

    [DbContext(typeof(LaterDatabase))]
    [Migration("0001_before")]
    internal sealed class Released : Before;

    [DbContext(typeof(LaterDatabase))]
    [Migration("0002_partitions")]
    internal sealed class Functions : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
    }

    [DbContext(typeof(LaterDatabase))]
    [Migration("0003_inbox")]
    internal sealed class InboxParts : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.PartitionInbox();
    }

    [DbContext(typeof(LaterDatabase))]
    [Migration("0004_archive")]
    internal sealed class ArchiveParts : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.PrepareArchive();
            migrationBuilder.PartitionArchive();
        }
    }

    internal sealed class EarlierDatabase(DbContextOptions<EarlierDatabase> options) : DbContext(options);

    internal sealed class LaterDatabase(DbContextOptions<LaterDatabase> options) : DbContext(options);
}
