using System.Net;
using System.Net.Http.Headers;
using Chassis.Testing;
using Npgsql;

namespace Orders.Tests.Crashes;

/// <summary>The orders service as a process of its own, on the database and the broker of a fixture, which can be killed.</summary>
internal sealed class OrdersProcess : IDisposable
{
    private readonly TestProcess _process;
    private readonly CrashFixture _fixture;
    private readonly Uri _address;

    private OrdersProcess(CrashFixture fixture, Uri address, TestProcess process) =>
        (this._fixture, this._address, this._process) = (fixture, address, process);

    /// <param name="fixture">Whose database and broker.</param>
    /// <param name="databasePort">A way to the database that can be cut, without TLS; null connects directly.</param>
    /// <param name="settings">Further configuration.</param>
    public static async Task<OrdersProcess> StartAsync(CrashFixture fixture, int? databasePort = null, params (string Key, string Value)[] settings)
    {
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var database = new NpgsqlConnectionStringBuilder(fixture.Database.Runtime);
        if (databasePort is { } port)
        {
            (database.Host, database.Port, database.SslMode) = ("127.0.0.1", port, SslMode.Disable);   // the way between them reads what goes by
        }

        var started = new OrdersProcess(fixture, address, TestProcess.Start(
            "Orders.dll",
            fixture.Settings().Select(s => (s.Key, s.Value)).Concat(
            [
                ("ASPNETCORE_URLS", address.ToString()),
                ("ASPNETCORE_ENVIRONMENT", "Development"),
                ("ConnectionStrings:Database", database.ConnectionString),
                ("Authentication:Authority", fixture.Issuer.ToString()),
                ("Authentication:Issuer", TestTokens.Issuer),
                ("Messaging:Lease", "00:00:02"),
                .. settings,
            ])));
        try
        {
            await started._process.UntilReadyAsync(address);
            return started;
        }
        catch
        {
            // What no test holds no test ends.
            started.Dispose();
            throw;
        }
    }

    public HttpClient ClientFor(Guid userId, bool @operator = false) => new()
    {
        BaseAddress = _address,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", _fixture.TokenFor(userId, @operator)) },
    };

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public Task KillAsync() => _process.KillAsync();

    public void Dispose() => _process.Dispose();
}
