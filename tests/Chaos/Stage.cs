using System.Globalization;
using System.Net.Http.Headers;
using Chassis.Testing;
using Npgsql;
using Shop.Chaos.Faults;
using Shop.Chaos.Invariants;
using Shop.Chaos.Load;
using Shop.Chaos.Receivers;
using Shop.Cluster;

namespace Shop.Chaos;

/// <summary>The running system and everything around it that a run needs to hurt it and to look at it.</summary>
public sealed class Stage : IAsyncDisposable
{
    public const string SteadyEndpoint = "steady";
    public const string FlakyEndpoint = "flaky";
    public const string MemoryLimit = "2GB";

    /// <summary>How often a mail goes out of which the mail server does not say whether it took it.</summary>
    public const int UnconfirmedMails = 3;

    /// <summary>What the partner of each tenant hears of; the partner's endpoint is called like the tenant.</summary>
    public static readonly IReadOnlyList<string> TenantEvents = ["shop.order.*", "shop.shipment.*", "shop.user.*"];

    // What the judges read of a run of ten thousand orders, on a busy machine.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Shorter than anybody would choose, so that a run sees what happens then.</summary>
    private static readonly Dictionary<string, string> Settings = new()
    {
        ["Messaging__LateTracesInterval"] = "00:00:03",
        ["Users__Tokens__AccessTokenLifetime"] = "00:00:20",   // and the minute by which clocks may differ
        ["Fulfilment__Authorization"] = "00:01:00",
        ["Sandbox__ProcessingSeconds"] = "3",
        ["Messaging__TopologyInterval"] = "00:00:05",
        ["Smtp__AnswerTimeout"] = "00:00:45",
        ["Mail__UnconfirmedRetries__0"] = "00:00:05",
        ["Mail__UnconfirmedRetries__1"] = "00:00:10",
    };

    private Stage(ShopCluster cluster, Servers servers, Leases leases, IReadOnlyList<TcpProxy> links, MailSink mails, WebhookReceiver webhooks, int seed)
    {
        (Cluster, Servers, Leases, Links, Mails, Webhooks) = (cluster, servers, leases, links, mails, webhooks);
        Sandbox = new HttpClient { BaseAddress = cluster.Of("payment-sandbox")[0].Address };
        Sandbox.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk_test_sandbox");
        Echo = new Echo(cluster.Impersonator, seed);
        Poison = new PoisonKit(cluster);
        Odd = new OddKit(cluster);
        Forge = new ForgeKit(this);
        Topology = new TopologyKit(cluster.Vhost);
        Bystanders = new Bystanders(this);
    }

    public ShopCluster Cluster { get; }

    public Servers Servers { get; }

    public Leases Leases { get; }

    /// <summary>Null when the clocks of this run go right.</summary>
    public SkewedClocks? Clocks { get; private init; }

    /// <summary>One for each service's way to the broker and to its database.</summary>
    public IReadOnlyList<TcpProxy> Links { get; }

    public MailSink Mails { get; }

    public WebhookReceiver Webhooks { get; }

    public HttpClient Sandbox { get; }

    public Echo Echo { get; }

    public PoisonKit Poison { get; }

    public OddKit Odd { get; }

    public ForgeKit Forge { get; }

    public TopologyKit Topology { get; }

    public Bystanders Bystanders { get; }

    /// <summary>Whether there is time for what takes a minute.</summary>
    public bool IsLong { get; private init; }

    /// <summary>The nodes of the broker that something can happen to alone; none where it is one.</summary>
    public IReadOnlyList<string> BrokerNodes { get; private init; } = [];

    /// <summary>Where each process serves its metrics; empty unless the run wants them.</summary>
    public IReadOnlyList<(string Service, Uri Address)> Metrics { get; private init; } = [];

    /// <summary>A superuser's connection to the database server.</summary>
    public string Administration { get; } = TestServers.Postgres;

    public static async Task<Stage> SetAsync(Servers servers, RunSettings settings, string logDirectory)
    {
        var links = new List<TcpProxy>();
        var mails = new MailSink();
        var webhooks = await WebhookReceiver.StartAsync();
        var clocks = Arsenal.MaySkewClocks(settings) ? new SkewedClocks() : null;
        var metrics = new List<(string Service, Uri Address)>();
        var cluster = await ShopCluster.StartAsync(new ClusterOptions
        {
            Replicas = settings.Replicas,
            Console = settings.HasConsole,
            Build = settings.Build,
            Settings = Settings.Concat(settings.ServiceSettings).GroupBy(s => s.Key).ToDictionary(s => s.Key, s => s.Last().Value),
            SettingsOf = new Dictionary<string, IReadOnlyDictionary<string, string>> { ["users"] = Tenants.Settings },
            SettingsOfReplica = settings.IsScraped ? MetricsOf : clocks is null ? null : clocks.EnvironmentOf,
            Smtp = mails.Address,
            LogDirectory = logDirectory,
            Supervise = true,
            KeepsUnrouted = true,
            BrokerOf = (service, uri) => new UriBuilder(uri) { Host = "127.0.0.1", Port = LinkTo(service, BrokerName(uri), uri.Host, uri.Port) }.Uri,
            DatabaseOf = (service, at) => ("127.0.0.1", LinkTo(service, "database", at.Host, at.Port)),
        });
        var stage = new Stage(cluster, servers, Leases.Of(settings.ServiceSettings), links, mails, webhooks, settings.Seed)
        {
            Clocks = clocks, Metrics = metrics, IsLong = settings.IsLong, BrokerNodes = settings.Cluster ? Servers.Nodes : [],
        };
        await stage.Echo.ConnectAsync();
        await stage.SubscribeAsync();
        return stage;

        IReadOnlyDictionary<string, string> MetricsOf(string service, int number)
        {
            if (!ShopCluster.ServiceNames.Contains(service))
            {
                return new Dictionary<string, string>();
            }

            var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
            metrics.Add((service, address));
            return new Dictionary<string, string> { ["Metrics__Url"] = address.ToString() };
        }

        static string BrokerName(Uri uri)
        {
            var nodes = TestServers.NodesOf(uri);
            return nodes.Count == 1 ? "broker" : string.Create(CultureInfo.InvariantCulture, $"broker {nodes.Index().First(n => n.Item.Port == uri.Port).Index + 1}");
        }

        int LinkTo(string service, string server, string host, int port)
        {
            var name = $"{service} – {server}";
            var link = links.Find(l => l.Name == name);
            if (link is null)
            {
                links.Add(link = new TcpProxy(host, port, name));
            }

            return link.Port;
        }
    }

    /// <summary>Every way that a service has to the broker.</summary>
    public IEnumerable<TcpProxy> LinksToBroker(string service) => Links.Where(l => l.Name.StartsWith($"{service} – broker", StringComparison.Ordinal));

    /// <summary>Sets the broker's memory limit; one below what it uses raises the alarm that blocks every publisher.</summary>
    public Task SetMemoryLimitAsync(string limit) => Servers.LimitBrokerMemoryAsync(limit);

    public async Task<T> QueryAsync<T>(string service, string sql)
    {
        await using var connection = await OpenAsync(service);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task ExecuteAsync(string service, string sql)
    {
        await using var connection = await OpenAsync(service);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<IReadOnlyList<T>> RowsAsync<T>(string service, string sql, Func<NpgsqlDataReader, T> read)
    {
        await using var connection = await OpenAsync(service);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <summary>Orders that were accepted and have not come to an end.</summary>
    /// <param name="but">Orders that do not count.</param>
    public Task<long> OrdersInFlightAsync(params IEnumerable<Guid> but) =>
        QueryAsync<long>(
            "orders", $"SELECT count(*) FROM orders WHERE status IN ('submitted', 'confirmed', 'shipped') AND id <> ALL('{{{string.Join(',', but)}}}')");

    /// <summary>How often messages of these ids became dead letters, in whatever service.</summary>
    public async Task<long> DeadLettersAsync(IEnumerable<string> messageIds)
    {
        var list = string.Join(',', messageIds.Select(id => $"'{id}'"));
        var counts = await Task.WhenAll(Invariants.Oracle.ServiceNames.Select(
            s => QueryAsync<long>(s, $"SELECT count(*) FROM messaging.dead_letters WHERE message_id IN ({list})")));
        return counts.Sum();
    }

    public async ValueTask DisposeAsync()
    {
        await Echo.DisposeAsync();
        await Cluster.DisposeAsync();
        foreach (var link in Links)
        {
            await link.DisposeAsync();
        }

        await Webhooks.DisposeAsync();
        await Mails.DisposeAsync();
        Sandbox.Dispose();
        Clocks?.Dispose();
    }

    /// <summary>Not from a pool: a connection in there may be one that a fault has ended.</summary>
    private async Task<NpgsqlConnection> OpenAsync(string service)
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(Cluster.Database(service).Administration)
            {
                Pooling = false, CommandTimeout = (int)Patience.TotalSeconds,
            }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private async Task SubscribeAsync()
    {
        using var client = await ShopClient.OperatorAsync(Cluster);
        foreach (var endpoint in (string[])[SteadyEndpoint, FlakyEndpoint])
        {
            await SubscribeAsync(client, endpoint, "shop.order.*");
        }

        foreach (var tenant in Tenants.Named)
        {
            using var tenantsOperator = await ShopClient.OfClientAsync(Cluster, tenant, Tenants.SecretOf(tenant));
            await SubscribeAsync(tenantsOperator, tenant, TenantEvents.ToArray());
        }
    }

    private async Task SubscribeAsync(ShopClient client, string endpoint, params string[] eventTypes)
    {
        var answer = await client.PostAsync("notifications", "/v1/webhooks", new { url = Webhooks.UrlOf(endpoint), eventTypes });
        Webhooks.Trust(endpoint, answer.GetProperty("secret").GetString()!);
    }
}
