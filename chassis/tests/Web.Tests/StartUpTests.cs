using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Text;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.Web.Tests;

/// <summary>A service as a process runs it: on a real socket, from the first line of <c>Program</c> to its exit code.</summary>
public sealed class Starting_a_service : IAsyncLifetime
{
    private readonly TestTokens _tokens = new();
    private readonly int _port = Ports.Free();
    private TestDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _tokens.Dispose();
    }

    [Fact]
    public async Task Waits_for_its_database_and_is_alive_meanwhile()
    {
        await using var road = new Road(new NpgsqlConnectionStringBuilder(_database.Migrations));
        await using var app = Build(road.Port);
        var running = app.RunServiceAsync([]);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };

        await Poll.UntilAsync(() => StatusAsync(client, "/health/live"), s => s == HttpStatusCode.OK, "the service to be alive without its database");
        (await StatusAsync(client, "/health/ready")).ShouldBe(HttpStatusCode.ServiceUnavailable);
        using (var answer = await client.GetAsync("/things/open", Token))
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            answer.Headers.RetryAfter.ShouldNotBeNull();
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        }

        road.Open();
        await Poll.UntilAsync(() => StatusAsync(client, "/health/ready"), s => s == HttpStatusCode.OK, "the service to be ready once its database is there");
        (await StatusAsync(client, "/things/open")).ShouldBe(HttpStatusCode.OK);

        await using (var probe = Build(road.Port))
        {
            (await probe.RunServiceAsync(["--health"])).ShouldBe(0);
        }

        app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        (await running).ShouldBe(0);

        await using var deadProbe = Build(road.Port);
        (await deadProbe.RunServiceAsync(["--health"])).ShouldBe(1);
    }

    [Fact]
    public async Task Waits_for_the_server_to_be_set_up()
    {
        await using var planned = TestDatabase.Planned();
        await using var app = Build(of: planned);
        var running = app.RunServiceAsync([]);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };

        await Poll.UntilAsync(() => StatusAsync(client, "/health/live"), s => s == HttpStatusCode.OK, "the service to be alive before its database is made");
        running.IsCompleted.ShouldBeFalse();

        await planned.ProvisionAsync();
        await Poll.UntilAsync(() => StatusAsync(client, "/health/ready"), s => s == HttpStatusCode.OK, "the service to be ready once its database is made");
        app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        (await running).ShouldBe(0);
    }

    [Fact]
    public async Task Waits_for_a_role_that_may_log_in()
    {
        await _database.ExecuteAsync($"ALTER ROLE {RoleOf(_database)} NOLOGIN");
        using var log = new LogLines();
        await using var app = Build(log: log, migrations: _database.Runtime);
        var migrating = app.RunServiceAsync(["--migrate"]);
        await Poll.UntilAsync(
            () => Task.FromResult(log.Lines),
            l => l.Any(x => x.Contains("Waiting for the database", StringComparison.Ordinal)),
            "the service to say what it waits for");

        await _database.ExecuteAsync($"ALTER ROLE {RoleOf(_database)} LOGIN; GRANT ALL ON SCHEMA public TO {RoleOf(_database)}; GRANT CREATE ON DATABASE {RoleOf(_database)} TO {RoleOf(_database)}");
        (await migrating).ShouldBe(0);

        static string RoleOf(TestDatabase database) => new NpgsqlConnectionStringBuilder(database.Runtime).Username!;
    }

    [Fact]
    public async Task Can_migrate_alone()
    {
        await using (var app = Build())
        {
            (await app.RunServiceAsync(["--migrate"])).ShouldBe(0);
        }

        (await _database.ScalarAsync<long>("SELECT count(*) FROM \"__EFMigrationsHistory\"")).ShouldBe(2);
        (await _database.ScalarAsync<long>("SELECT count(*) FROM things")).ShouldBe(0);
    }

    [Fact]
    public async Task Waits_for_its_migrations_where_somebody_else_runs_them()
    {
        await _database.ExecuteAsync("CREATE SCHEMA being_made; CREATE TABLE being_made.something ()");
        var withoutOwner = new Dictionary<string, string?> { ["Database:Migrate"] = "false", ["ConnectionStrings:Migrations"] = null };
        using var log = new LogLines();
        await using var app = Build(log: log, settings: withoutOwner);
        var running = app.RunServiceAsync([]);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        await Poll.UntilAsync(() => StatusAsync(client, "/health/live"), s => s == HttpStatusCode.OK, "the service to be alive before its tables are there");
        (await StatusAsync(client, "/health/ready")).ShouldBe(HttpStatusCode.ServiceUnavailable);
        await Poll.UntilAsync(() => TextAsync("/health/ready"), t => t.Contains("The tables are not there", StringComparison.Ordinal), "the service to say why");
        (await TextAsync("/things")).ShouldContain("The service is starting.", Case.Sensitive, "customers learn no more");
        (await _database.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE tablename = 'things'")).ShouldBe(0);
        await _database.ExecuteAsync("CREATE TABLE \"__EFMigrationsHistory\" (migration_id varchar(150) PRIMARY KEY, product_version varchar(32) NOT NULL)");
        var looks = log.Lines.Count;
        await Poll.UntilAsync(() => Task.FromResult(log.Lines), l => l.Count >= looks + 2, "the service to look again");
        log.Lines.ShouldAllBe(l => !l.Contains("42501", StringComparison.Ordinal), "it asks for its rights, and does not find out by failing");
        await _database.ExecuteAsync("DROP TABLE \"__EFMigrationsHistory\"; DROP SCHEMA being_made CASCADE");

        await using (var job = Build())
        {
            (await job.RunServiceAsync(["--migrate"])).ShouldBe(0);
        }

        await Poll.UntilAsync(() => StatusAsync(client, "/health/ready"), s => s == HttpStatusCode.OK, "the service to be ready once its migrations were run");
        app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        (await running).ShouldBe(0);

        async Task<string> TextAsync(string path)
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task Migrates_once_however_many_replicas_start_together()
    {
        var apps = Enumerable.Range(0, 4).Select(_ => Build()).ToList();
        (await Task.WhenAll(apps.Select(app => app.RunServiceAsync(["--migrate"])))).ShouldBe([0, 0, 0, 0]);
        (await _database.ScalarAsync<long>("SELECT count(*) FROM \"__EFMigrationsHistory\"")).ShouldBe(2);
        foreach (var app in apps)
        {
            await app.DisposeAsync();
        }
    }

    [Fact]
    public async Task Is_refused_with_a_database_that_would_not_say_who_changed_what()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration["ConnectionStrings:Database"] = _database.Runtime;
        builder.AddServiceDefaults("sample");
        builder.AddPostgres<SampleDbContext>();
        await using var app = builder.Build();

        Should.Throw<InvalidOperationException>(() => app.UseServiceDefaults()).Message.ShouldContain("AddDatabase");
    }

    [Fact]
    public async Task On_a_taken_port_ends_with_a_sentence_and_not_with_a_stack_trace()
    {
        using var taken = new TcpListener(IPAddress.Loopback, _port);
        taken.Start();
        using var log = new LogLines();
        await using var app = Build(log: log);
        (await app.RunServiceAsync([])).ShouldBe(1);
        log.Lines.ShouldContain(l => l.StartsWith("Critical", StringComparison.Ordinal) && l.Contains("ASPNETCORE_URLS", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Behind_a_pooler_of_transactions_ends_with_a_sentence()
    {
        await using var pooler = new Road(new NpgsqlConnectionStringBuilder(_database.Migrations), pools: true);
        pooler.Open();
        using var log = new LogLines();
        await using (var app = Build(pooler.Port, log))
        {
            (await app.RunServiceAsync(["--migrate"])).ShouldBe(1);
        }

        log.Lines.ShouldContain(l => l.StartsWith("Critical", StringComparison.Ordinal) && l.Contains("Database__Pooler=session", StringComparison.Ordinal));
        (await _database.ScalarAsync<bool>("SELECT to_regclass('\"__EFMigrationsHistory\"') IS NULL")).ShouldBeTrue("nothing is touched through it.");

        await using var bySessions = Build(pooler.Port, settings: new() { ["Database:Pooler"] = "session" });
        (await bySessions.RunServiceAsync(["--migrate"])).ShouldBe(0);
    }

    [Fact]
    public async Task Outside_of_development_lists_at_once_all_that_is_for_development_only()
    {
        using var log = new LogLines();
        await using (var app = Build(log: log, settings: OfDevelopment))
        {
            (await app.RunServiceAsync(["--migrate"])).ShouldBe(1);
        }

        var line = log.Lines.Where(IsNotAboutTheRuntime).ShouldHaveSingleItem();
        line.ShouldStartWith("Critical In the environment Production");
        foreach (var setting in OfDevelopment.Keys.Except(["Authentication:AllowHttp"]))
        {
            line.ShouldContain(setting.Replace(":", "__", StringComparison.Ordinal));
        }

        OfDevelopment.Values.Where(v => v!.Contains("dev", StringComparison.Ordinal)).ShouldAllBe(secret => !line.Contains(secret!, StringComparison.Ordinal));
        (await _database.ScalarAsync<bool>("SELECT to_regclass('\"__EFMigrationsHistory\"') IS NULL")).ShouldBeTrue("nothing was done before.");

        await using var development = Build(settings: OfDevelopment, environment: "Development");
        (await development.RunServiceAsync(["--migrate"])).ShouldBe(0);
    }

    [Theory]
    [InlineData("https://users.example", true)]
    [InlineData("http://127.0.0.1:8081", true)]
    [InlineData("http://users:8080", false)]
    [InlineData("http://users.example", false)]
    [InlineData("http://192.0.2.7:8081", false)]
    public void Outside_of_development_takes_keys_without_TLS_from_its_own_machine_only(string authority, bool elsewhere) =>
        new AuthenticationSettings { Authority = authority, AllowHttp = true }.OnlyForDevelopment().Any().ShouldBe(!elsewhere);

    private static Dictionary<string, string?> OfDevelopment => new()
    {
        ["Some:Password"] = "of-some-dev",
        ["Some:Secrets:0"] = "development-only-secret",
        ["Some:ApiKey"] = "sk_test_4711",
        ["Some:Uri"] = "amqp://guest:guest@127.0.0.1/",
        ["Authentication:Authority"] = "http://issuer.example",
        ["Authentication:AllowHttp"] = "true",
        // What .env.example has, for load tests.
        ["RateLimit:Permits"] = "6000",
        ["RateLimit:CostlyPerMinute"] = "6000",
        ["RateLimit:Concurrent"] = "1000",
    };

    [Fact]
    public async Task On_a_socket_keeps_its_limits()
    {
        await using var app = Build();
        var running = app.RunServiceAsync([]);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        client.DefaultRequestHeaders.Authorization = new("Bearer", _tokens.For("somebody"));
        await Poll.UntilAsync(() => StatusAsync(client, "/health/ready"), s => s == HttpStatusCode.OK, "the service to be ready");

        using var open = await client.GetAsync("/things/open", Token);
        open.Headers.Contains("Server").ShouldBeFalse();

        // Without a length in advance, so that only reading it can tell.
        using var chunked = new HttpRequestMessage(HttpMethod.Post, "/things")
        {
            Content = new StreamContent(new MemoryStream(Encoding.UTF8.GetBytes($$"""{"name": "{{new string('x', 2 * 1024 * 1024)}}", "quantity": 1}"""))),
        };
        chunked.Content.Headers.ContentType = new("application/json");
        chunked.Headers.TransferEncodingChunked = true;
        using var tooLarge = await client.SendAsync(chunked, Token);
        tooLarge.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        tooLarge.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");

        app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        (await running).ShouldBe(0);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]      // where the system chooses the ciphers
    public async Task With_a_certificate_speaks_strong_TLS_alone_also_while_it_waits_for_its_database()
    {
        await using var road = new Road(new NpgsqlConnectionStringBuilder(_database.Migrations));
        using var certificate = new CertificateFiles();
        await using var app = Build(road.Port, settings: certificate.Settings(_port));
        var running = app.RunServiceAsync([]);
        using var client = Client(certificate);

        await Poll.UntilAsync(() => StatusAsync(client, "/health/live"), s => s == HttpStatusCode.OK, "the service to be alive without its database");
        await OnlyStrongAsync("while it waits");
        road.Open();
        await Poll.UntilAsync(() => StatusAsync(client, "/health/ready"), s => s == HttpStatusCode.OK, "the service to be ready once its database is there");
        await OnlyStrongAsync("when it is ready");
        using (var answer = await client.GetAsync("/things/open", Token))
        {
            answer.Headers.GetValues("Strict-Transport-Security").ShouldBe(["max-age=31536000; includeSubDomains"]);
        }

        using (var plain = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") })
        {
            (await StatusAsync(plain, "/health/live")).ShouldBeNull();
        }

        app.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        (await running).ShouldBe(0);

        async Task OnlyStrongAsync(string when)
        {
            await HandshakeAsync(certificate, SslProtocols.Tls13, TlsCipherSuite.TLS_AES_256_GCM_SHA384);
            await HandshakeAsync(certificate, SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
            await Should.ThrowAsync<AuthenticationException>(
                () => HandshakeAsync(certificate, SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256), when);
        }
    }

    [Fact]
    public async Task Says_which_certificate_it_cannot_read()
    {
        using var certificate = new CertificateFiles();
        File.Delete(certificate.Key);
        using var log = new LogLines();
        await using var app = Build(log: log, settings: certificate.Settings(_port));

        (await app.RunServiceAsync([])).ShouldBe(1);

        log.Lines.Where(IsNotAboutTheRuntime).ShouldHaveSingleItem().ShouldContain($"Kestrel:Certificates:Default:KeyPath: cannot be read: Could not find file '{certificate.Key}'");
    }

    [UnsupportedOSPlatform("windows")]
    private async Task HandshakeAsync(CertificateFiles certificate, SslProtocols protocol, TlsCipherSuite suite)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, _port, Token);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "127.0.0.1",
                EnabledSslProtocols = protocol,
                CipherSuitesPolicy = new CipherSuitesPolicy([suite]),
                CertificateChainPolicy = certificate.Trusted(),
            },
            Token);
        (tls.SslProtocol, tls.NegotiatedCipherSuite).ShouldBe((protocol, suite));
    }

    private HttpClient Client(CertificateFiles certificate) =>
        new(new SocketsHttpHandler { SslOptions = new() { CertificateChainPolicy = certificate.Trusted() } })
        {
            BaseAddress = new Uri($"https://127.0.0.1:{_port}"),
        };

    private static async Task<HttpStatusCode?> StatusAsync(HttpClient client, string path)
    {
        try
        {
            using var answer = await client.GetAsync(path, Token);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    // Which runtime is on this machine is another test's business.
    private static bool IsNotAboutTheRuntime(string line) => !line.StartsWith("Warning The runtime is", StringComparison.Ordinal);

    private WebApplication Build(
        int? databasePort = null,
        LogLines? log = null,
        TestDatabase? of = null,
        string? migrations = null,
        Dictionary<string, string?>? settings = null,
        string environment = "Production")
    {
        of ??= _database;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = $"http://127.0.0.1:{_port}",
            ["ConnectionStrings:Database"] = Through(of.Runtime, databasePort),
            ["ConnectionStrings:Migrations"] = Through(migrations ?? of.Migrations, databasePort),
            ["Authentication:Authority"] = TestTokens.Issuer,
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.AddServiceDefaults("sample");
        builder.AddDatabase<SampleDbContext>();
        builder.Logging.ClearProviders();
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        builder.Services.AddHttpClient(IssuerKeys.ClientName).ConfigurePrimaryHttpMessageHandler(_tokens.Handler);
        var app = builder.Build();
        app.UseServiceDefaults();
        SampleService.MapThings(app.MapGroup("/things"), new SemaphoreSlim(0), new SemaphoreSlim(0));
        return app;
    }

    private static string Through(string connectionString, int? databasePort) => databasePort is null
        ? connectionString
        : new NpgsqlConnectionStringBuilder(connectionString)
        {
            Host = "127.0.0.1", Port = databasePort.Value, Pooling = false, SslMode = SslMode.Disable, GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString;
}
