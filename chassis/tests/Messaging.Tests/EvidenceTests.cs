using Chassis.Testing;
using Messaging.CrashHost;
using Npgsql;

namespace Messaging.Tests;

/// <summary>A test that waits in vain says more than that.</summary>
public sealed class A_wait_in_vain(WorkFixture fixture) : IClassFixture<WorkFixture>
{
    [Fact]
    public async Task Says_which_queues_wait_who_holds_the_database_and_what_the_process_said_and_does()
    {
        using var process = WorkProcess.Start(fixture, settings: ("Listener", "none"));
        await Poll.UntilAsync(() => fixture.IsConsumedAsync(WorkQueues.Commands), "a consumer", TimeSpan.FromSeconds(60));
        await using var channel = await fixture.OpenChannelAsync();
        await channel.DeclareEndpointAsync("work.unread");
        await channel.SendRawAsync("work.unread", Guid.CreateVersion7(), new DoWork(Guid.CreateVersion7(), 1));
        await using var session = new NpgsqlConnection(fixture.Database.Migrations);
        await session.OpenAsync(TestContext.Current.CancellationToken);
        await using var open = await session.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var held = new NpgsqlCommand("LOCK effects", session, open);
        await held.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        // The broker counts every few seconds.
        await Poll.UntilAsync(
            async () =>
            {
                var said = await Should.ThrowAsync<TimeoutException>(() => Poll.UntilAsync(() => false, "the impossible", TimeSpan.FromMilliseconds(1)));
                return ((string[])
                [
                    "Waited 0 s for the impossible.", "work.unread has 1 ready", "0 consumers", "idle in transaction", "LOCK effects", "0 in the outbox", "Messaging.CrashHost runs",
                ]).All(said.Message.Contains);
            },
            "everything to be named");
        await process.KillAsync();
        (await Should.ThrowAsync<TimeoutException>(() => Poll.UntilAsync(() => false, "the impossible", TimeSpan.FromMilliseconds(1)))).Message
            .ShouldContain("Messaging.CrashHost has ended with 137");
    }
}
