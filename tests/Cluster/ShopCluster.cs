using System.Collections.Concurrent;
using System.Globalization;
using Chassis.Testing;
using Npgsql;
using Services;

namespace Shop.Cluster;

/// <summary>
/// The whole system as processes of this machine, on the real PostgreSQL and RabbitMQ that the environment names (see <see cref="TestServers"/>):
/// a database per service, a virtual host, the payment sandbox, and every service with one or more replicas. The console only for whoever asks for it.
/// </summary>
public sealed class ShopCluster : IAsyncDisposable
{
    public const string OperatorEmail = "operator@shop.example";
    public const string OperatorPassword = "Operator-of-the-cluster-1";

    private readonly Dictionary<string, TestDatabase> _databases;
    private readonly TestVhost _vhost;
    private readonly Dictionary<string, Uri> _brokers = [];
    private readonly Dictionary<string, Replica[]> _replicas = [];
    private readonly Dictionary<string, Uri> _listeners = [];
    private readonly Dictionary<string, Func<int, Replica>> _makers = [];
    private readonly ConcurrentBag<Replica> _replaced = [];
    private readonly string _sandboxData = Directory.CreateTempSubdirectory("shop-sandbox-").FullName;

    private ShopCluster(Dictionary<string, TestDatabase> databases, TestVhost vhost)
    {
        this._databases = databases;
        this._vhost = vhost;
    }

    /// <summary>Every service of the repository that keeps something.</summary>
    public static IReadOnlyList<string> ServiceNames { get; } = [.. Service.Of(Repository.Root).Where(s => !s.Stateless).Select(s => s.Name)];

    /// <summary>Every process, the sandbox included.</summary>
    public IEnumerable<Replica> All => _replicas.Values.SelectMany(r => r);

    public TestVhost Vhost => _vhost;

    /// <summary>Where somebody connects to who plays the services at the broker, and signs with their accounts.</summary>
    public Uri Impersonator { get; private set; } = null!;

    /// <summary>Where a service connects to, with its own account and its own rights.</summary>
    public Uri BrokerOf(string service) => _brokers[service];

    /// <summary>The account of a service at the broker; of one that there is none of, its name.</summary>
    public string AccountOf(string service) => _brokers.TryGetValue(service, out var uri) ? Uri.UnescapeDataString(uri.UserInfo.Split(':')[0]) : service;

    /// <summary>The root of the repository.</summary>
    public static string Root => Repository.Root;

    public static async Task<ShopCluster> StartAsync(ClusterOptions? options = null)
    {
        options ??= new ClusterOptions();
        var databases = new Dictionary<string, TestDatabase>();
        foreach (var service in ServiceNames)
        {
            databases[service] = await TestDatabase.CreateAsync();
        }

        var cluster = new ShopCluster(databases, await TestVhost.CreateAsync());
        try
        {
            await cluster.OpenAccountsAsync(options);
            if (options.KeepsUnrouted)
            {
                await cluster.Vhost.KeepUnroutedAsync();
            }

            await cluster.RestoreAsync(options);
            cluster.Configure(options);
            // What lies in a restored outbox leaves with the first breath, and the broker is a new one: whoever listens to it comes first.
            IEnumerable<IReadOnlyList<Replica>> waves = options.Restore is null ? [[.. cluster.All]] : ListenersFirst(options).Select(cluster.Of);
            foreach (var wave in waves)
            {
                foreach (var replica in wave)
                {
                    replica.Start();
                }

                await Task.WhenAll(wave.Select(r => r.WaitUntilReadyAsync()));
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The replicas of <c>users</c>, <c>orders</c>, <c>inventory</c>, <c>notifications</c>; the one <c>payment-sandbox</c>, <c>gateway</c> or <c>console</c>.
    /// </summary>
    public IReadOnlyList<Replica> Of(string service) => _replicas[service];

    /// <summary>Where callers find a service: at the gateway, where there is one, or else at its first replica.</summary>
    public Uri AddressOf(string service) => _listeners.TryGetValue(service, out var at) ? at : Of(service)[0].Address;

    /// <summary>Whether callers go through the gateway.</summary>
    public bool HasGateway => _listeners.Count > 0;

    /// <summary>The database of a service, as its owner: for checks from outside.</summary>
    public TestDatabase Database(string service) => _databases[service];

    /// <summary>
    /// Has the last replica of a service end as a roll-out does, and starts another process of it, with a number and an address that nobody had before, in its
    /// place.
    /// </summary>
    public async Task ReplaceAsync(string service)
    {
        var replicas = _replicas[service];
        var leaving = replicas[^1];
        await leaving.StopAsync();
        var coming = _makers[service](replicas.Max(r => r.Number) + 1);
        coming.Start();
        await coming.WaitUntilReadyAsync();
        // Not disposed of before the others: somebody may still look whether it runs.
        _replaced.Add(leaving);
        replicas[^1] = coming;
    }

    /// <summary>Has one replica go on as it is built in another tree.</summary>
    /// <param name="replica">Of a service.</param>
    /// <param name="build">Root of the tree; null for the repository itself.</param>
    public static Task BecomeAsync(Replica replica, string? build)
    {
        var name = char.ToUpperInvariant(replica.Service[0]) + replica.Service[1..];
        return replica.BecomeAsync(Program(build, $"services/{replica.Service}/{name}", name));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in All.Concat(_replaced))
        {
            await replica.DisposeAsync();
        }

        foreach (var database in _databases.Values)
        {
            await database.DisposeAsync();
        }

        await _vhost.DisposeAsync();
        Directory.Delete(_sandboxData, recursive: true);
    }

    // Users tell most, and notifications hear most.
    private static IEnumerable<string> ListenersFirst(ClusterOptions options) =>
        [.. ServiceNames.Append("payment-sandbox").Reverse(), .. options.Gateway ? (string[])["gateway"] : [], .. options.Console ? (string[])["console"] : []];

    private async Task OpenAccountsAsync(ClusterOptions options)
    {
        foreach (var service in ServiceNames)
        {
            var account = await _vhost.CreateServiceAccountAsync(service);
            _brokers[service] = options.Tls ? TestServers.OverTls(account) : account;
        }

        Impersonator = await _vhost.CreateImpersonatorAsync();
    }

    private async Task RestoreAsync(ClusterOptions options)
    {
        if (options.SandboxJournal is { } journal)
        {
            await File.WriteAllBytesAsync(Path.Combine(_sandboxData, "journal.jsonl"), journal);
        }

        foreach (var (service, database) in _databases)
        {
            await (options.Restore?.Invoke(service, database) ?? Task.CompletedTask);
        }
    }

    private void Configure(ClusterOptions options)
    {
        var sandbox = Url(options);
        Add("payment-sandbox", Program(options.Build, "deploy/payment-sandbox", "PaymentSandbox"), 1, options, _ => new()
        {
            ["ASPNETCORE_URLS"] = sandbox,
            ["Sandbox__ApiKey"] = "sk_test_sandbox",
            ["Sandbox__DataDirectory"] = _sandboxData,
        });

        foreach (var service in options.Gateway ? ServiceNames : [])
        {
            _listeners[service] = new Uri(Url(options));
        }

        // The first replica of the users service is the issuer; any other would answer the same, and behind the gateway any does.
        var first = Url(options);
        var issuer = HasGateway ? AddressOf("users").GetLeftPart(UriPartial.Authority) : first;
        var console = Url(options);
        var smtp = (options.Smtp ?? TestServers.MailSmtp).Split(':');
        foreach (var service in ServiceNames)
        {
            var name = char.ToUpperInvariant(service[0]) + service[1..];
            Add(service, Program(options.Build, $"services/{service}/{name}", name), options.Replicas, options, number =>
            {
                Uri[] brokers = [.. TestServers.NodesOf(_brokers[service]).Select(node => options.BrokerOf?.Invoke(service, node) ?? node)];
                var environment = new Dictionary<string, string>(OfEveryService(options, issuer))
                {
                    ["ASPNETCORE_URLS"] = service == "users" && number == 1 ? first : Url(options),
                    ["ConnectionStrings__Database"] = Through(options, service, _databases[service].Runtime),
                    ["ConnectionStrings__Migrations"] = Encrypted(options, _databases[service].Migrations),
                    ["RabbitMq__Uri"] = brokers[0].AbsoluteUri,
                    ["RabbitMq__Hosts"] = brokers.Length > 1 ? string.Join(',', brokers.Select(b => b.Authority)) : "",
                };
                foreach (var other in ServiceNames)
                {
                    environment[$"Messaging__Accounts__{other}"] = AccountOf(other);
                }

                switch (service)
                {
                    case "users":
                        environment["Users__MasterSecret"] = "the-master-secret-of-these-tests-alone";
                        environment["Users__Operator__Email"] = OperatorEmail;
                        environment["Users__Operator__Password"] = OperatorPassword;
                        if (options.Console)
                        {
                            environment["Users__Clients__console__RedirectUris__0"] = $"{console}/signed-in";
                            environment["Users__Clients__console__RedirectUris__1"] = $"{console}/signed-out";
                        }

                        break;
                    case "orders":
                        environment["Payments__BaseUrl"] = sandbox;
                        environment["Sealing__MasterSecret"] = "the-master-secret-of-these-tests-alone";
                        environment["Payments__ApiKey"] = "sk_test_sandbox";
                        break;
                    case "notifications":
                        environment["Smtp__Host"] = smtp[0];
                        environment["Smtp__Port"] = smtp[1];
                        environment["Smtp__From"] = "shop@shop.example";
                        environment["Mail__Operators"] = "operations@shop.example";
                        environment["Webhooks__AllowPrivateNetworks"] = "true";
                        environment["Sealing__MasterSecret"] = "of-this-cluster-alone-and-of-no-other";
                        break;
                }

                return environment;
            });
        }

        if (options.Gateway)
        {
            Add("gateway", Program(options.Build, "deploy/gateway", "Gateway"), 1, options, _ => Gateway(options));
        }

        if (options.Console)
        {
            Add("console", Program(options.Build, "services/console/Console", "Console"), 1, options, _ => new(
                OfEveryService(options, issuer).Concat(ServiceNames.Select(s => KeyValuePair.Create($"Console__Services__{s}", AddressOf(s).ToString()))))
            {
                ["ASPNETCORE_URLS"] = console,
            });
        }
    }

    private Dictionary<string, string> Gateway(ClusterOptions options)
    {
        var environment = new Dictionary<string, string> { ["ASPNETCORE_URLS"] = Url(options), ["DOTNET_gcServer"] = "0" };
        foreach (var (service, at) in _listeners)
        {
            environment[$"Gateway__Services__{service}__Listen"] = at.GetLeftPart(UriPartial.Authority);
            environment[$"Gateway__Services__{service}__Replicas"] = string.Join(',', Of(service).Select(r => r.Address));
        }

        return environment;
    }

    private static Dictionary<string, string> OfEveryService(ClusterOptions options, string issuer) => new()
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Development",   // with the sandbox, a mail catcher and webhooks to this machine
        ["Logging__Json"] = "true",
        ["Authentication__Authority"] = issuer,
        ["Authentication__Audience"] = "shop",
        // As deploy/env sets them for every installation.
        ["DOTNET_gcServer"] = "0",
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0",
        ["RateLimit__Permits"] = "6000",
        ["RateLimit__CostlyPerMinute"] = "6000",
        ["RateLimit__Concurrent"] = "1000",
        ["Proxy__Trusted"] = options.Gateway ? "127.0.0.1" : "",
    };

    private void Add(string service, string program, int count, ClusterOptions options, Func<int, Dictionary<string, string>> environmentOf)
    {
        _makers[service] = number =>
        {
            var environment = environmentOf(number);
            foreach (var (key, value) in OfTls(options, service).Concat(options.Settings)
                .Concat(options.SettingsOf.GetValueOrDefault(service) ?? new Dictionary<string, string>())
                .Concat(options.SettingsOfReplica?.Invoke(service, number) ?? new Dictionary<string, string>()))
            {
                environment[key] = value;
            }

            return new Replica(service, number, program, environment, options.LogDirectory, options.Supervise);
        };
        _replicas[service] = [.. Enumerable.Range(1, count).Select(_makers[service])];
    }

    private static string Through(ClusterOptions options, string service, string connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        if (options.DatabaseOf is { } way)
        {
            (builder.Host, builder.Port) = way(service, (builder.Host!, builder.Port));
        }

        return Encrypted(options, builder.ConnectionString);
    }

    // As deploy/env has it.
    private static string Encrypted(ClusterOptions options, string connectionString) => options.Tls
        ? new NpgsqlConnectionStringBuilder(connectionString)
        {
            SslMode = SslMode.VerifyFull, RootCertificate = $"{TestServers.Certificates}/clients/trusted/ca.crt",
        }.ConnectionString
        : connectionString;

    private static IEnumerable<KeyValuePair<string, string>> OfTls(ClusterOptions options, string service) => options.Tls
        ?
        [
            new("Kestrel__Certificates__Default__Path", $"{TestServers.Certificates}/{service}/server.crt"),
            new("Kestrel__Certificates__Default__KeyPath", $"{TestServers.Certificates}/{service}/server.key"),
        ]
        : [];

    private static string Url(ClusterOptions options) =>
        string.Create(CultureInfo.InvariantCulture, $"http{(options.Tls ? "s" : "")}://127.0.0.1:{Ports.Free()}");

    /// <summary>The assembly of a service, built in the same configuration as this one.</summary>
    private static string Program(string? build, string project, string assembly)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        var path = Path.Combine(build ?? Root, project, "bin", output.Parent!.Name, output.Name, $"{assembly}.dll");
        return File.Exists(path) ? path : throw new FileNotFoundException($"{assembly} is not built: expected {path}.");
    }
}
