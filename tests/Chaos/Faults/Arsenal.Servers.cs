using Chassis.Testing;
using Npgsql;
using RabbitMQ.Client;
using Shop.Cluster;
using Shop.Contracts;

namespace Shop.Chaos.Faults;

/// <summary>What happens to brokers, databases and mail servers beside their ends.</summary>
public sealed partial class Arsenal
{
    private const string Webhooks = "notifications.webhooks";
    private const string ClockSkew = "clock-skew";

    // They last longer than a lease, stop everything, or need processes that are started in another way: only for those who ask for them, and for long runs.
    private static readonly string[] Heavy = ["slow-dot", "long-outage", "restore", "failover", ClockSkew];

    private IReadOnlyList<(string Name, Func<Fault> Draw)> OnServers =>
    [
        ("topology", Topology), ("refused-commit", RefuseCommits), ("slow-dot", SlowDot), ("long-outage", LongOutage), ("restore", Restore), ("failover", FailOver), ("old-snapshot", OldSnapshot), (ClockSkew, SkewClocks),
    ];

    /// <summary>Whether the processes of a run have to be started with clocks that can be set.</summary>
    public static bool MaySkewClocks(RunSettings settings) => settings.FaultKinds.Count == 0 ? settings.IsLong : settings.FaultKinds.Contains(ClockSkew);

    private Fault Topology()
    {
        string[] events =
        [
            .. ShopContracts.Catalogue.All.Where(e => e.Type.StartsWith("shop.order.", StringComparison.Ordinal) || e.Publisher == "inventory").Select(
                e => e.Type),
        ];
        var type = events[random.Next(events.Length)];
        return random.Next(4) switch
        {
            0 => Deletion($"exchange {type}", channel => channel.ExchangeDeleteAsync(type), loses: false),
            1 =>
                Deletion(
                    $"binding of {Webhooks}",
                    channel => channel.ExchangeUnbindAsync(Webhooks, ShopContracts.Exchanges.AllEvents, "shop.order.*.#"),
                    loses: true),
            2 =>
                Deletion(
                    $"exchange {ShopContracts.Exchanges.AllEvents}", channel => channel.ExchangeDeleteAsync(ShopContracts.Exchanges.AllEvents), loses: true),
            _ => Deletion($"queue {Webhooks}", channel => channel.QueueDeleteAsync(Webhooks), loses: true),
        };
    }

    /// <summary>
    /// Whoever runs the system does nothing about it, unless the broker has thrown messages away: those a replay brings, as
    /// docs/adr/0024-topology-is-watched.md says. Webhooks alone are bound to nothing but the exchange of all events. The echo, which takes every event, steps
    /// aside: an event that nobody takes is to be seen.
    /// </summary>
    private Fault Deletion(string what, Func<IChannel, Task> delete, bool loses)
    {
        var since = DateTimeOffset.MinValue;
        return new Fault($"{what} deleted", "broker", Seconds(3, 6), async () =>
        {
            await stage.Echo.StepAsideAsync();
            since = DateTimeOffset.UtcNow.AddMinutes(-2);
            await stage.Topology.DeleteAsync(delete);
        }, async () =>
        {
            // Whether it is whole again the oracle says; what the broker lists may be a moment old.
            await Task.Delay(TimeSpan.FromSeconds(2));
            await WaitInVainOrNotAsync(
                async () => (await stage.Topology.MissingAsync()).Count == 0, "the topology to be whole again", TimeSpan.FromSeconds(60));
            await stage.Echo.StepInAsync();
            if (loses)
            {
                await ReplayAsync(since, ServiceNames);
            }
        });
    }

    // One table in each transaction: whoever handles a message locks both.
    private static readonly string[] CommitsFail =
    [
        """
        CREATE FUNCTION messaging.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF random() < 0.5 THEN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END IF;
            RETURN NULL;
        END $$
        """,
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON messaging.inbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION messaging.refuse()",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON messaging.outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION messaging.refuse()",
    ];

    private static readonly string[] CommitsHold =
        ["DROP TRIGGER refuse ON messaging.inbox", "DROP TRIGGER refuse ON messaging.outbox", "DROP FUNCTION messaging.refuse()"];

    /// <summary>
    /// Every statement succeeds, and the transaction does not: half of what handles or tells something finds out at its commit, as under SERIALIZABLE.
    /// </summary>
    private Fault RefuseCommits() => new(
        "half of the commits refused", "every database", Seconds(4, 8),
        () => EveryDatabaseAsync(CommitsFail),
        () => EveryDatabaseAsync(CommitsHold));

    /// <summary>The mail server takes every mail. Of some it says so when the claim would have run out long ago, of as many never.</summary>
    private Fault SlowDot()
    {
        var late = stage.Leases.Mail * 1.25;
        return new Fault(
            $"final dot answered after {late.TotalSeconds:0} s, or never", "mail server", Seconds(5, 10),
            () => Do(() => (stage.Mails.AnswersAfter, stage.Mails.KeepsWaiting) = (late, 2)),
            async () =>
            {
                (stage.Mails.AnswersAfter, stage.Mails.KeepsWaiting) = (TimeSpan.Zero, null);
                // Whoever is stopped meanwhile by the next fault does not know either whether the mail went out.
                await WaitInVainOrNotAsync(() => Task.FromResult(stage.Mails.Waiting == 0), "the answers that are late", TimeSpan.FromSeconds(90));
            });
    }

    /// <summary>The database goes while mails are being handed over, and comes back when nobody's claim is good any more.</summary>
    private Fault LongOutage() => new("immediate stop, for longer than every lease", "database", stage.Leases.Longest * 1.2, async () =>
    {
        // The answer comes when the database is away, however long it takes to kill it.
        stage.Mails.AnswersAfter = TimeSpan.FromMinutes(1);
        await WaitInVainOrNotAsync(() => Task.FromResult(stage.Mails.Waiting > 0), "a mail to be under way", TimeSpan.FromSeconds(30));
        await stage.Servers.KillAsync(Servers.Postgres);
        stage.Mails.AnswerAll();
    }, () => stage.Servers.StartAsync(Servers.Postgres));

    /// <summary>
    /// As docs/how-to/restore.md says: all services are stopped, the databases dumped and restored into a fresh server, all services started.
    /// </summary>
    private Fault Restore() => new("dump, restore into a fresh server", "database, all services stopped", TimeSpan.Zero, async () =>
    {
        // A server that has been at work for long counts its transactions from higher up than a fresh one.
        await AdministerAsync("DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
        await Task.Delay(TimeSpan.FromSeconds(2));
        await Task.WhenAll(Services.Select(r => r.StopAsync(TimeSpan.FromMinutes(2))));
        await stage.Servers.MovePostgresAsync();
    }, () => Task.WhenAll(Services.Select(Start)));

    /// <summary>
    /// Somebody looks at the databases of the services, by their own accounts, in transactions that see everything as it was, and forgets them for a while.
    /// </summary>
    private Fault OldSnapshot()
    {
        List<NpgsqlConnection> held = [];
        return new Fault("old snapshots and transactions held", "every database", Seconds(10, 15), async () =>
        {
            foreach (var service in ServiceNames)
            {
                var connection = new NpgsqlConnection(
                    new NpgsqlConnectionStringBuilder(stage.Cluster.Database(service).Runtime) { Pooling = false }.ConnectionString);
                await connection.OpenAsync();
                await using var command = new NpgsqlCommand(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*), pg_current_xact_id() FROM messaging.outbox", connection);
                await command.ExecuteScalarAsync();
                held.Add(connection);
            }
        }, async () =>
        {
            await stage.Bystanders.LookAsync();
            foreach (var connection in held)
            {
                await connection.DisposeAsync();
            }
        });
    }

    /// <summary>
    /// The clocks of the two replicas of each service lie a minute apart; in the middle one of them goes back by that minute, and the other ahead.
    /// </summary>
    private Fault SkewClocks()
    {
        var away = TimeSpan.FromSeconds(30);
        return new Fault("clocks a minute apart, with a step back", "all services", Seconds(5, 8), async () =>
        {
            // Something is to be under way that the clock of another could take for given up.
            stage.Mails.AnswersAfter = TimeSpan.FromSeconds(2);
            stage.Clocks!.Set(number => number % 2 == 0 ? away : -away);
            await Task.Delay(TimeSpan.FromSeconds(6));
            stage.Clocks.Set(number => number % 2 == 0 ? -away : away);
        }, () => Do(() =>
        {
            stage.Clocks!.Set(_ => TimeSpan.Zero);
            stage.Mails.AnswersAfter = TimeSpan.Zero;
        }));
    }

    private IEnumerable<Replica> Services => ServiceNames.SelectMany(stage.Cluster.Of);

    private async Task AdministerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(stage.Administration) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }

    private async Task ReplayAsync(DateTimeOffset from, params IEnumerable<string> services)
    {
        foreach (var service in services)
        {
            await market.Operator.AskAsync(
                HttpMethod.Post, service, "/v1/ops/boundary-events/replay", new { from, destination = Webhooks }, Guid.NewGuid().ToString());
        }
    }

    private Task EveryDatabaseAsync(IEnumerable<string> statements) => Task.WhenAll(ServiceNames.Select(async service =>
    {
        foreach (var statement in statements)
        {
            await stage.ExecuteAsync(service, statement);
        }
    }));

    private static async Task WaitInVainOrNotAsync(Func<Task<bool>> condition, string what, TimeSpan limit)
    {
        try
        {
            await Poll.UntilAsync(condition, what, limit);
        }
        catch (TimeoutException)
        {
            // An invariant will be violated; nothing is to be broken off for that.
        }
    }
}
