using System.Security.Cryptography;
using Chassis.EventSourcing;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EventSourcing.Tests;

public sealed class Personal_data(Fixture fixture) : IClassFixture<Fixture>
{
    [Fact]
    public async Task Is_not_readable_in_the_table()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));

        var payload = await fixture.Database.ScalarAsync<string>($"SELECT payload::text FROM event_store.events WHERE stream_id = '{stream}'");
        payload.ShouldNotContain("Ada");
        payload.ShouldContain("36");
        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed("Ada Lovelace", 36));
    }

    [Fact]
    public async Task Is_gone_for_ever_with_the_key_while_the_history_keeps_its_shape()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"), new OwnerNamed("Ada Lovelace", 36));

        await fixture.Unit(async (scope, _) =>
        {
            await PersonalDataKeys.DestroyAsync(scope.GetRequiredService<DbContext>(), stream.ToString(), CancellationToken.None);
            return true;
        });

        (await fixture.Read(stream)).Select(e => e.Data).ShouldBe([new Opened("a"), new OwnerNamed(null, 36)]);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM event_store.personal_keys WHERE subject = '{stream}' AND key IS NULL")).ShouldBe(1);
    }

    [Fact]
    public async Task Is_not_stored_any_more_for_a_person_who_was_erased()
    {
        var stream = Fixture.NewId();
        await fixture.Unit(async (scope, _) =>
        {
            await PersonalDataKeys.DestroyAsync(scope.GetRequiredService<DbContext>(), stream.ToString(), CancellationToken.None);
            return true;
        });

        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));

        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed(null, 36));
    }

    [Fact]
    public async Task Cannot_be_read_in_a_copy_of_the_database_since_the_keys_are_sealed_too()
    {
        var (stream, other) = (Fixture.NewId(), Fixture.NewId());
        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));
        await fixture.Append(other, 0, new OwnerNamed("Grace Hopper", 85));

        (await KeyAsync(stream)).Length.ShouldBeGreaterThan(32);

        // Bound to its person: moved to somebody else's row it opens nothing.
        await fixture.Database.ExecuteAsync(
            $"UPDATE event_store.personal_keys SET key = (SELECT key FROM event_store.personal_keys WHERE subject = '{other}') WHERE subject = '{stream}'");
        await Should.ThrowAsync<CryptographicException>(() => fixture.Read(stream));
    }

    [Fact]
    public async Task Of_a_version_that_kept_the_keys_in_the_clear_stays_readable_and_its_keys_are_sealed()
    {
        var stream = Fixture.NewId();
        await fixture.Database.ExecuteAsync($"INSERT INTO event_store.personal_keys (subject, key) VALUES ('{stream}', decode(repeat('4711', 16), 'hex'))");
        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));
        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed("Ada Lovelace", 36));

        var sweep = fixture.Services.GetServices<IHostedService>().Single(s => s.GetType().Name == "SealingSweep");
        await sweep.StartAsync(CancellationToken.None);
        await Poll.UntilAsync(async () => (await KeyAsync(stream)).Length, length => length > 32, "the key to be sealed");
        await sweep.StopAsync(CancellationToken.None);
        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed("Ada Lovelace", 36));
    }

    private Task<byte[]> KeyAsync(Guid subject) =>
        fixture.Database.ScalarAsync<byte[]>($"SELECT key FROM event_store.personal_keys WHERE subject = '{subject}'");
}
