using System.Net.Http.Headers;
using Chassis.Web;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chassis.Testing;

/// <summary>
/// One service, whole and in process, on a fresh database and a fresh virtual host of the real servers, with the rights that it has in production.
/// Derive from it to add settings or to replace somebody else's system; use it as a class or assembly fixture.
/// </summary>
/// <typeparam name="TProgram">The service's <c>Program</c>.</typeparam>
public class ServiceFixture<TProgram> : LazyFixture
    where TProgram : class
{
    private TestDatabase? _database;
    private TestVhost? _vhost;
    private Factory? _factory;

    public TestTokens Tokens { get; } = new();

    public TestDatabase Database => _database ?? throw new InvalidOperationException("Not initialised.");

    public TestVhost Vhost => _vhost ?? throw new InvalidOperationException("Not initialised.");

    /// <summary>What the service has logged, exceptions included.</summary>
    public LogLines Log { get; } = new();

    /// <summary>The service's own container.</summary>
    public IServiceProvider Services => App.Services;

    protected WebApplicationFactory<TProgram> App => _factory ?? throw new InvalidOperationException("Not initialised.");

    public override async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        _vhost = await TestVhost.CreateAsync();
        Evidence.Offer(
            this,
            () => Task.FromResult(Log.Worst.Select(line => $"{_vhost.Name} logged {line}")));
        await StartAsync();
    }

    /// <summary>A client without a token.</summary>
    public HttpClient Anonymous() => App.CreateClient(new WebApplicationFactoryClientOptions { AllowAutoRedirect = false });

    /// <summary>A client that is signed in.</summary>
    public virtual HttpClient ClientFor(Guid userId, bool @operator = false, string? tenant = null) => WithToken(TokenFor(userId, @operator, tenant));

    /// <summary>A client that shows this token, whether it holds or not.</summary>
    public HttpClient WithToken(string token)
    {
        var client = Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>A client of some operator.</summary>
    public HttpClient Operator() => ClientFor(Guid.CreateVersion7(), @operator: true);

    /// <summary>An access token that this service accepts.</summary>
    public string TokenFor(Guid userId, bool @operator = false, string? tenant = null) =>
        TokenFor(userId, @operator ? "operator" : "customer", permissions: null, tenant);

    /// <summary>An access token that this service accepts, of somebody with this role, or none, and these permissions.</summary>
    public virtual string TokenFor(Guid userId, string? role, IEnumerable<string>? permissions, string? tenant = null) =>
        Tokens.For(userId.ToString(), role, tenant, permissions: permissions);

    /// <summary>Runs something inside a scope of the service.</summary>
    public async Task<T> InScopeAsync<TService, T>(Func<TService, Task<T>> work)
        where TService : notnull
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TService>());
    }

    /// <summary>Stops the service and starts it again on the same database and broker, as a deployment does.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async Task StopAsync()
    {
        if (_factory is not null)
        {
            await _factory.DisposeAsync();
            _factory = null;
        }
    }

    public async Task StartAsync()
    {
        _factory = new Factory(this);
        await _factory.Services.UntilReadyAsync();
    }

    /// <summary>
    /// Starts one more instance of the service, with a container, connections and consumers of its own, on the same database and broker. Whoever starts it
    /// disposes it.
    /// </summary>
    public async Task<WebApplicationFactory<TProgram>> StartReplicaAsync()
    {
        var replica = new Factory(this);
        await replica.Services.UntilReadyAsync();
        return replica;
    }

    public override async ValueTask DisposeAsync()
    {
        Evidence.Withdraw(this);
        await StopAsync();
        if (_vhost is not null)
        {
            await _vhost.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        Tokens.Dispose();
        Log.Dispose();
        GC.SuppressFinalize(this);
    }

    protected override IEnumerable<string> ToBeSaidSince(long start) => Log.WorstSince(start).Select(line => $"The service logged: {line}");

    /// <summary>Configuration of the service under test, by key with colons.</summary>
    protected virtual void Configure(IDictionary<string, string> settings)
    {
    }

    /// <summary>Replaces registrations, for example the HTTP handler to somebody else's system.</summary>
    protected virtual void ConfigureServices(IServiceCollection services)
    {
    }

    /// <summary>The configuration with which the service runs, by key with colons.</summary>
    public IReadOnlyDictionary<string, string> Settings()
    {
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings:Database"] = Database.Runtime,
            ["ConnectionStrings:Migrations"] = Database.Migrations,
            ["RabbitMq:Uri"] = Vhost.Uri.ToString(),
            ["Authentication:Authority"] = TestTokens.Issuer,
            ["Authentication:Audience"] = TestTokens.Audience,
            ["RateLimit:Permits"] = "0",
            ["Sealing:MasterSecret"] = "the-master-secret-of-these-tests-alone",
            ["Messaging:ConsumerPatience"] = "00:10:00",   // nobody starts another process here, and a busy machine takes long to start
        };
        foreach (var (key, value) in TestVhost.OneAccountForAll)
        {
            settings[key] = value;
        }

        Configure(settings);
        return settings;
    }

    private sealed class Factory(ServiceFixture<TProgram> fixture) : WebApplicationFactory<TProgram>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Development");
            builder.UseContentRoot(AppContext.BaseDirectory);   // not the project's folder, whose appsettings.Development.json speaks of `make up`'s servers
            foreach (var (key, value) in fixture.Settings())
            {
                builder.UseSetting(key, value);
            }

            builder.ConfigureTestServices(services =>
            {
                // The test server has no body size limit and says so at every request.
                services.AddLogging(logging => logging.AddProvider(fixture.Log).AddFilter("Microsoft.AspNetCore.Routing", LogLevel.Error));
                services.AddHttpClient(IssuerKeys.ClientName).ConfigurePrimaryHttpMessageHandler(fixture.Tokens.Handler);
                fixture.ConfigureServices(services);
            });
        }
    }
}
