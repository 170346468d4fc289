using System.Security.Cryptography;
using System.Text;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chassis.Web.Tests;

/// <summary>A table of boxes whose master secret is replaced.</summary>
public sealed class Sealed_values : IAsyncLifetime
{
    private const string Today = "the master secret of today, long enough";
    private const string Before = "the master secret of before, long enough";

    private static readonly SealedColumn Column = new(
        "things",
        "id",
        "box",
        "things",
        (_, stored) => stored[0] == (byte)'!' ? stored[1..] : throw new CryptographicException("Neither a box nor in the clear."));

    private readonly LogLines _log = new();
    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        await _database.ExecuteAsOwnerAsync("CREATE TABLE things (id uuid PRIMARY KEY, box bytea)");
        _source = NpgsqlDataSource.Create(_database.Administration);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
        _log.Dispose();
    }

    [Fact]
    public async Task Are_sealed_anew_with_the_master_secret_of_today_each_for_its_own_row()
    {
        var (before, rotated, today) = (Of(Before), Of(Today, Before), Of(Today));
        // More than a batch.
        var rows = Enumerable.Range(0, 1_200).ToDictionary(_ => Guid.CreateVersion7(), i => $"value {i}");
        foreach (var (id, value) in rows)
        {
            await PutAsync(id, Column.Seal(before, id.ToString(), Encoding.UTF8.GetBytes(value)));
        }

        var (plain, current, nothing, lost) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await PutAsync(plain, "!in the clear"u8.ToArray());
        await PutAsync(nothing, null);
        var ofToday = Column.Seal(rotated, current.ToString(), "already"u8);
        await PutAsync(current, ofToday);
        var ofSomebody = Column.Seal(Of("a master secret that nobody has any more"), lost.ToString(), "lost"u8);
        await PutAsync(lost, ofSomebody);

        (await Sweep(rotated).SweepAsync(Token)).ShouldBe(rows.Count + 1);
        (await Sweep(rotated).SweepAsync(Token)).ShouldBe(0, "once is enough");

        foreach (var (id, value) in rows.Append(KeyValuePair.Create(plain, "in the clear")))
        {
            Encoding.UTF8.GetString(Column.Open(today, id.ToString(), (await BoxAsync(id))!)).ShouldBe(value);
        }

        (await BoxAsync(current)).ShouldBe(ofToday);
        (await BoxAsync(nothing)).ShouldBeNull();
        (await BoxAsync(lost)).ShouldBe(ofSomebody, "a secret that is lost may be found again");
        _log.Lines.ShouldContain(
            line => line.StartsWith("Error 1 values of things are sealed with a master secret that the settings do not have", StringComparison.Ordinal));
    }

    private SealingSweep Sweep(Envelope envelope)
    {
        var logger = LoggerFactory.Create(logging => logging.AddProvider(_log)).CreateLogger<SealingSweep>();
        return new SealingSweep([Column], _source, envelope, Options.Create(new SealingSettings()), TimeProvider.System, logger);
    }

    private async Task PutAsync(Guid id, byte[]? box)
    {
        await using var command = _source.CreateCommand("INSERT INTO things VALUES ($1, $2)");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = (object?)box ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bytea });
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<byte[]?> BoxAsync(Guid id)
    {
        await using var command = _source.CreateCommand("SELECT box FROM things WHERE id = $1");
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteScalarAsync(Token) as byte[];
    }

    private static Envelope Of(string secret, params string[] former) =>
        new(Options.Create(new SealingSettings { MasterSecret = secret, FormerSecrets = former }));
}
