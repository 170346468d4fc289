using Chassis.Testing;
using Shop.Chaos.Invariants;

namespace Shop.Chaos.Faults;

/// <summary>The database server dies, and a copy takes over that had not heard of the last commits.</summary>
public sealed partial class Arsenal
{
    // PostgreSQL writes ahead 32 numbers of a sequence: the copy goes on so far behind those that it has heard of. More than that must be lost for one to be
    // given again.
    private const int MessagesLost = 100;

    private const string NothingIsDeleted =
        """
        CREATE FUNCTION messaging.hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
        CREATE TRIGGER hang BEFORE DELETE ON messaging.outbox FOR EACH STATEMENT EXECUTE FUNCTION messaging.hang();
        """;

    /// <summary>
    /// What the copy lacks would be lost to whoever had the answer; no service can mend that, and docs/how-to/restore.md says so. So the only commits of the
    /// lost moment are a replay of the archive, which nobody misses, and everything else has come to rest. The messages of that replay have been sent by a
    /// replica that cannot write it down before the server dies, and stands still until others have given their numbers to new messages, which the broker
    /// cannot take yet.
    /// </summary>
    private Fault FailOver()
    {
        var still = stage.Cluster.Of("orders")[0];
        var others = stage.Cluster.Of("orders").Skip(1).ToArray();
        TcpProxy[] links = [.. stage.LinksToBroker("orders")];
        return new Fault("crash, a copy without the last second takes over", "database", Seconds(6, 9), async () =>
        {
            await WaitInVainOrNotAsync(
                async () => market.UnderWay == 0 && await Calm.HasComeAsync(stage, market.Operator), "the system to be at rest", TimeSpan.FromMinutes(3));
            await stage.Servers.CopyPostgresAsync();
            foreach (var replica in others)
            {
                replica.Kill();
            }

            await stage.ExecuteAsync("orders", NothingIsDeleted);
            await SendReplayAsync();
            still.Pause();
            await stage.Servers.PromoteCopyAsync();
            await Task.WhenAll(others.Select(Start));
            Array.ForEach(links, l => l.Set(LinkMode.Reset));
        }, async () =>
        {
            still.Resume();
            await Task.Delay(TimeSpan.FromSeconds(5));
            Array.ForEach(links, Mend);
        });
    }

    /// <summary>Until every message of it has been sent, which nobody writes down.</summary>
    private async Task SendReplayAsync()
    {
        const string begun = "SELECT count(*) FROM messaging.outbox";
        while (await stage.QueryAsync<long>("orders", begun) < MessagesLost)
        {
            await ReplayAsync(DateTimeOffset.UtcNow.AddMinutes(-5), "orders");
        }

        await WaitInVainOrNotAsync(
            async () => await stage.QueryAsync<long>("orders", $"{begun} WHERE attempts = 0 AND due_at > now() + interval '1 year'") == 0,
            "the replay to be sent",
            TimeSpan.FromSeconds(60));
        await Task.Delay(TimeSpan.FromSeconds(3));
    }
}
