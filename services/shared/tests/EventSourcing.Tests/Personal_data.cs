using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace EventSourcing.Tests;

public sealed class Personal_data(Fixture fixture) : IClassFixture<Fixture>
{
    [Fact]
    public async Task is_not_readable_in_the_table()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));

        var payload = await fixture.Database.ScalarAsync<string>($"SELECT payload::text FROM event_store.events WHERE stream_id = '{stream}'");
        payload.ShouldNotContain("Ada");
        payload.ShouldContain("36");
        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed("Ada Lovelace", 36));
    }

    [Fact]
    public async Task is_gone_for_ever_with_the_key_while_the_history_keeps_its_shape()
    {
        var stream = Fixture.NewId();
        await fixture.Append(stream, 0, new Opened("a"), new OwnerNamed("Ada Lovelace", 36));

        await fixture.Unit(async (scope, _) =>
        {
            await PersonalDataKeys.Destroy(scope.GetRequiredService<DbContext>(), stream.ToString(), CancellationToken.None);
            return true;
        });

        (await fixture.Read(stream)).Select(e => e.Data).ShouldBe([new Opened("a"), new OwnerNamed(null, 36)]);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM event_store.personal_keys WHERE subject = '{stream}' AND key IS NULL")).ShouldBe(1);
    }

    [Fact]
    public async Task is_not_stored_any_more_for_a_person_who_was_erased()
    {
        var stream = Fixture.NewId();
        await fixture.Unit(async (scope, _) =>
        {
            await PersonalDataKeys.Destroy(scope.GetRequiredService<DbContext>(), stream.ToString(), CancellationToken.None);
            return true;
        });

        await fixture.Append(stream, 0, new OwnerNamed("Ada Lovelace", 36));

        (await fixture.Read(stream)).Single().Data.ShouldBe(new OwnerNamed(null, 36));
    }
}
