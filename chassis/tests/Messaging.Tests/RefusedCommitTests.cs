using Chassis.Data;
using Chassis.Testing;
using Messaging.CrashHost;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Messaging.Tests;

/// <summary>
/// What a database that refuses says of the message, and what it says of itself. Apart from the outages: a service that runs here would send what waits there.
/// </summary>
public sealed class RefusedCommitTests(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // A message that its handler cannot handle is tried eight times here, and is a dead letter then.
    [Theory]
    [InlineData("40001", 9)]
    [InlineData("40P01", 9)]
    [InlineData("53100", 5)]
    public async Task A_commit_that_the_database_refuses_for_a_while_says_nothing_of_the_message(string state, int times)
    {
        await using var refusal = await Refusal.PlantAsync(fixture.Database, "effects", state, times);
        await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:Redeliveries:0"] = "00:00:00.100" });
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));

        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM effects WHERE subject = '{subject}' AND note = 'done'"),
            n => n == 1,
            "the message to be handled");
        (await refusal.CountAsync()).ShouldBeGreaterThan(times);
        (await fixture.Database.ScalarAsync<long>($"SELECT count(*) FROM messaging.dead_letters WHERE message_id = '{subject}'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_redelivery_that_could_not_be_written_down_is_no_dead_letter()
    {
        await fixture.StartAsync(bus => bus.AddWork(), new Dictionary<string, string?> { ["Messaging:Redeliveries:0"] = "00:00:00.100" });
        await using var channel = await fixture.OpenChannelAsync();
        var subject = Guid.CreateVersion7();
        Poison.Add(subject);
        await using var refusal = await Refusal.PlantAsync(fixture.Database, "messaging.outbox", "40001", times: 2);
        await channel.SendRawAsync(WorkQueues.Commands, subject, new DoWork(subject, 1));

        await Poll.UntilAsync(refusal.CountAsync, n => n > 2, "the redelivery to be written down after two refusals");
        var letters = $"FROM messaging.dead_letters WHERE message_id = '{subject}'";
        await Poll.UntilAsync(
            () => fixture.Database.ScalarAsync<long>($"SELECT count(*) {letters}"), n => n == 1, "the message to be given up after its redelivery");
        (await fixture.Database.ScalarAsync<string>($"SELECT exception_type {letters}")).ShouldBe(typeof(InvalidOperationException).FullName);
    }

    [Theory]
    [InlineData("40001", true, false)]
    [InlineData("55P03", true, false)]
    [InlineData("53100", true, true)]
    [InlineData("57P01", true, true)]
    [InlineData("08006", true, true)]
    [InlineData("25006", true, true)]
    [InlineData("22001", false, false)]
    [InlineData("23505", false, false)]
    [InlineData("57014", false, false)]
    public void What_the_database_says_is_about_the_message_or_about_the_database(string state, bool nothing, bool outage)
    {
        var refused = new AggregateException(
            new InvalidOperationException("The handler's."),
            new DbUpdateException("The save failed.", new PostgresException("refused", "ERROR", "ERROR", state)));
        DatabaseFailure.SaysNothingOfTheMessage(new InvalidOperationException("The redelivery's.", refused)).ShouldBe(nothing);
        DatabaseFailure.IsOutage(refused).ShouldBe(outage);
    }

    /// <summary>Every statement succeeds, and the commit does not: so many times, for whatever inserts into a table.</summary>
    private sealed class Refusal(TestDatabase database, string table) : IAsyncDisposable
    {
        public static async Task<Refusal> PlantAsync(TestDatabase database, string table, string state, int times)
        {
            await database.ExecuteAsync($"""
                CREATE SEQUENCE refusals;
                CREATE FUNCTION refuse() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('public.refusals') <= {times} THEN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END IF;
                    RETURN NULL;
                END $$;
                CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
                """);
            return new Refusal(database, table);
        }

        /// <summary>How often somebody came to the end of a transaction; no rollback takes it back.</summary>
        public Task<long> CountAsync() => database.ScalarAsync<long>("SELECT last_value FROM refusals");

        public async ValueTask DisposeAsync() => await database.ExecuteAsync($"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse(); DROP SEQUENCE refusals");
    }
}
