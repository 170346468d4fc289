using System.Net.Http.Json;
using System.Runtime.InteropServices;
using Chassis.Testing;
using Shop.Chaos.Load;
using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.Chaos.Faults;

/// <summary>Everything that a run can do to the system. The seed decides which, whom and how long.</summary>
public sealed partial class Arsenal(Stage stage, Market market, Random random)
{
    /// <summary>Kills both replicas, and both again as soon as they are back.</summary>
    public const string KillBothTwice = "kill -9, both, twice";

    private static readonly string[] ServiceNames = [.. ShopCluster.ServiceNames];

    /// <summary>Kills the operators' console, which is there only in a run that asks for it, or for this.</summary>
    public const string KillConsole = "kill-console";

    /// <summary>Whether a kind of fault breaks the broker or the database for everybody who uses them.</summary>
    public static bool HurtsServers(string kind) =>
        kind is "restart-broker" or "kill-broker" or "kill-blocking-broker" or "crash-database" or "churn" or "memory-alarm" or "long-outage" or "restore"
            or "failover" || OfNodes.Contains(kind);

    /// <summary>What there is, by the name under which a run can ask for it.</summary>
    private IReadOnlyList<(string Name, Func<Fault> Draw)> Kinds =>
    [
        .. ServiceNames.Select(s => ($"kill-{s}", (Func<Fault>)(() => KillOne(s)))),
        .. stage.Cluster.All.Where(r => r.Service == "console").Select(r => (KillConsole, (Func<Fault>)(() => KillOne(r.Service)))),
        ("kill-twice", KillTwice), ("freeze", Freeze), ("restart-broker", RestartBroker), ("kill-broker", KillBroker), ("kill-blocking-broker", KillBlockingBroker),
        ("crash-database", CrashDatabase), ("churn", ChurnConnections), ("cut", CutLink), ("slow", SlowLink), ("cut-several", CutSeveral),
        ("duplicate-events", DuplicateDelivery), ("duplicate-commands", DuplicateCommands), ("shuffle", ShuffleDelivery), ("flood", FloodOfATenant), ("poison", Poison),
        ("payments", FailPayments), ("receivers", FailReceivers), ("memory-alarm", MemoryAlarm), ("rolling-restart", RollingRestart),
        .. DataKinds,
        .. OnServers,
        .. OnNodes,
    ];

    /// <summary>A schedule: every kind at least once while there is room, in a seeded order.</summary>
    /// <param name="count">How many faults.</param>
    /// <param name="names">Only these kinds, as often as they are named; all when empty.</param>
    /// <param name="isLong">Whether the heavy kinds are among them.</param>
    public IReadOnlyList<Fault> Draw(int count, IReadOnlyList<string> names, bool isLong)
    {
        var all = Kinds;
        Func<Fault>[] kinds = names.Count == 0
            ? [.. all.Where(k => isLong || !Heavy.Contains(k.Name)).Select(k => k.Draw)]
            : [.. names.Select(name => all.FirstOrDefault(k => k.Name == name).Draw
                ?? throw new ArgumentException($"There is no fault '{name}'. There are: {string.Join(", ", all.Select(k => k.Name))}."))];
        var schedule = new List<Fault>(count);
        if (names.Count == 0 && OnNodes.Count > 0)
        {
            // What a cluster is for comes before the rest.
            schedule.AddRange(OnNodes.Take(count).Select(k => k.Draw()));
        }

        while (schedule.Count < count)
        {
            random.Shuffle(kinds);
            schedule.AddRange(kinds.Take(count - schedule.Count).Select(draw => draw()));
        }

        if (OnNodes.Count > 0)
        {
            random.Shuffle(CollectionsMarshal.AsSpan(schedule));
        }

        return schedule;
    }

    private Fault KillOne(string service)
    {
        var replica = stage.Cluster.Of(service)[random.Next(stage.Cluster.Of(service).Count)];
        return new Fault("kill -9", replica.Name, Seconds(2, 5), () => Do(replica.Kill), () => Start(replica));
    }

    private Fault KillTwice()
    {
        var service = Any();
        return new Fault(KillBothTwice, service, Seconds(1, 2), KillAll, async () =>
        {
            StartAll();
            await Task.Delay(TimeSpan.FromSeconds(3));
            await KillAll();
            StartAll();
            await Task.WhenAll(stage.Cluster.Of(service).Select(r => r.WaitUntilReadyAsync()));
        });

        Task KillAll() => Do(() => Each(service, r => r.Kill()));
        void StartAll() => Each(service, r => r.Start());
    }

    private Fault Freeze()
    {
        var replicas = stage.Cluster.Of(Any());
        var replica = replicas[random.Next(replicas.Count)];
        return new Fault("freeze (SIGSTOP)", replica.Name, Seconds(5, 15), () => Do(replica.Pause), () => Do(replica.Resume));
    }

    private Fault RestartBroker() =>
        new("stop and start", "broker", Seconds(2, 5), () => stage.Servers.StopAsync(Servers.RabbitMq), () => stage.Servers.StartAsync(Servers.RabbitMq));

    private Fault KillBroker() =>
        new("kill -9", "broker", Seconds(1, 4), () => stage.Servers.KillAsync(Servers.RabbitMq), () => stage.Servers.StartAsync(Servers.RabbitMq));

    /// <summary>What publishers have sent into the blocked connections meanwhile never reaches the broker.</summary>
    private Fault KillBlockingBroker() => new("memory alarm, then kill -9", "broker", Seconds(2, 5), MemoryAlarm().Inject, async () =>
    {
        await stage.Servers.KillAsync(Servers.RabbitMq);
        await stage.Servers.StartAsync(Servers.RabbitMq);
    });

    private Fault CrashDatabase() =>
        new("immediate stop", "database", Seconds(1, 4), () => stage.Servers.KillAsync(Servers.Postgres), () => stage.Servers.StartAsync(Servers.Postgres));

    private Fault ChurnConnections() => new("close every connection, 3 times", "broker, database", TimeSpan.Zero, async () =>
    {
        for (var i = 0; i < 3; i++)
        {
            await stage.Cluster.Vhost.CloseConnectionsAsync();
            await TerminateBackendsAsync();
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
    }, Nothing);

    private Fault CutLink()
    {
        var link = stage.Links[random.Next(stage.Links.Count)];
        var mode = (LinkMode[])[LinkMode.BlackHole, LinkMode.OneWay, LinkMode.Reset];
        var how = mode[random.Next(mode.Length)];
        return new Fault(
            how switch { LinkMode.BlackHole => "partition", LinkMode.OneWay => "one-way partition", _ => "reset" },
            link.Name, Seconds(4, 12), () => Do(() => link.Set(how)), () => Do(() => Mend(link)));
    }

    private Fault SlowLink()
    {
        var link = stage.Links[random.Next(stage.Links.Count)];
        return new Fault("slow link, 300 ms", link.Name, Seconds(5, 10), () => Do(() => link.Set(LinkMode.Slow)), () => Do(() => Mend(link)));
    }

    private Fault DuplicateDelivery() =>
        new("every event twice", "all queues", Seconds(5, 10), () => Do(() => stage.Echo.Start(EchoMode.Events)), stage.Echo.StopAsync);

    private Fault DuplicateCommands() =>
        new("every command twice", "command queues", Seconds(5, 10), () => Do(() => stage.Echo.Start(EchoMode.Commands)), stage.Echo.StopAsync);

    private Fault ShuffleDelivery() =>
        new("events again, shuffled", "all queues", Seconds(5, 10), () => Do(() => stage.Echo.Start(EchoMode.ShuffledEvents)), stage.Echo.StopAsync);

    private Fault Poison() => new("poison messages", "all exchanges, command queues", TimeSpan.Zero, stage.Poison.PlantAsync, Nothing);

    private Fault FailPayments()
    {
        var kinds = (string[])["error_before", "error_after", "drop_after", "late_answer"];
        var rule = new { kind = kinds[random.Next(kinds.Length)], probability = 0.5, delay_ms = 3_000, status = 500 };
        return new Fault($"{rule.kind}, half of the calls", "payment provider", Seconds(6, 12),
            async () =>
            {
                using var response = await stage.Sandbox.PostAsJsonAsync("/sandbox/faults", rule);
                response.EnsureSuccessStatusCode();
            },
            async () =>
            {
                using var response = await stage.Sandbox.DeleteAsync(new Uri("/sandbox/faults", UriKind.Relative));
                response.EnsureSuccessStatusCode();
            });
    }

    private Fault FailReceivers()
    {
        var mail = random.Next(2) == 0 ? Behaviour.Refuse : Behaviour.Hang;
        var hook = random.Next(2) == 0 ? Behaviour.Refuse : Behaviour.Hang;
        return new Fault(
            $"mail server: {mail}, webhook receiver: {hook}".ToLowerInvariant(), "receivers", Seconds(5, 12),
            () => Do(() => (stage.Mails.Mode, _) = (mail, Set(hook))),
            () => Do(() => (stage.Mails.Mode, _) = (Behaviour.Accept, Set(Behaviour.Accept))));

        Behaviour Set(Behaviour mode)
        {
            stage.Webhooks.Set(Stage.FlakyEndpoint, mode);
            return mode;
        }
    }

    private Fault MemoryAlarm() =>
        new("memory alarm", "broker", Seconds(4, 8), () => stage.SetMemoryLimitAsync("1MB"), () => stage.SetMemoryLimitAsync(Stage.MemoryLimit));

    private Fault RollingRestart() => new("rolling restart", "all services", TimeSpan.Zero, async () =>
    {
        foreach (var replica in ServiceNames.SelectMany(stage.Cluster.Of))
        {
            await replica.StopAsync();
            await Start(replica);
        }
    }, Nothing);

    /// <summary>What is more than its share waits in the outbox, and none of it may be lost there or come twice from it.</summary>
    private Fault FloodOfATenant() =>
        new("one tenant's events, 25 times", "all queues", Seconds(5, 10), () => Do(() => stage.Echo.Start(EchoMode.Flood)), stage.Echo.StopAsync);

    private Fault CutSeveral()
    {
        var links = stage.Links.ToArray();
        random.Shuffle(links);
        links = links[..3];
        var healing = links.ToArray();
        random.Shuffle(healing);
        return new Fault(
            "partitions one by one, healed in another order", string.Join(", ", links.Select(l => l.Name)), Seconds(3, 6),
            () => OneByOne(links, l => l.Set(LinkMode.BlackHole)),
            () => OneByOne(healing, Mend));

        async Task OneByOne(TcpProxy[] order, Action<TcpProxy> act)
        {
            foreach (var link in order)
            {
                act(link);
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }
    }

    private static void Mend(TcpProxy link) => link.Set(LinkMode.Open);

    private Task TerminateBackendsAsync() =>
        AdministerAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname LIKE 'test\\_%'");

    private void Each(string service, Action<Replica> act)
    {
        foreach (var replica in stage.Cluster.Of(service))
        {
            act(replica);
        }
    }

    private static async Task Start(Replica replica)
    {
        replica.Start();
        await replica.WaitUntilReadyAsync();
    }

    private string Any() => ServiceNames[random.Next(ServiceNames.Length)];

    private TimeSpan Seconds(int from, int to) => TimeSpan.FromSeconds(random.Next(from, to + 1));

    private static Task Do(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private static Task Nothing() => Task.CompletedTask;
}
