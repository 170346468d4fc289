using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Chassis.Testing;
using Npgsql;

namespace Orders.Tests.Crashes;

/// <summary>The orders service as a process of its own, on the database and the broker of a fixture, which can be killed.</summary>
internal sealed class OrdersProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly CrashFixture fixture;
    private readonly Uri address;
    private readonly List<string> log = [];

    private OrdersProcess(CrashFixture fixture, Uri address, ProcessStartInfo start)
    {
        (this.fixture, this.address) = (fixture, address);
        process = Process.Start(start) ?? throw new InvalidOperationException("The process did not start.");
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <param name="fixture">Whose database and broker.</param>
    /// <param name="databasePort">A way to the database that can be cut; null connects directly.</param>
    /// <param name="settings">Further configuration.</param>
    public static async Task<OrdersProcess> StartAsync(CrashFixture fixture, int? databasePort = null, params (string Key, string Value)[] settings)
    {
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Orders.dll")])
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var database = new NpgsqlConnectionStringBuilder(fixture.Database.Runtime);
        (database.Host, database.Port) = databasePort is { } port ? ("127.0.0.1", port) : (database.Host, database.Port);
        foreach (var (key, value) in fixture.Settings().Select(s => (s.Key, s.Value)).Concat(
        [
            ("ASPNETCORE_URLS", address.ToString()),
            ("ASPNETCORE_ENVIRONMENT", "Development"),
            ("ConnectionStrings:Database", database.ConnectionString),
            ("Authentication:Authority", fixture.Issuer.ToString()),
            ("Authentication:Issuer", TestTokens.Issuer),
            ("Messaging:Lease", "00:00:02"),
            .. settings,
        ]))
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        var started = new OrdersProcess(fixture, address, start);
        try
        {
            await started.UntilReady();
            return started;
        }
        catch
        {
            // What no test holds no test ends.
            await started.DisposeAsync();
            throw;
        }
    }

    public HttpClient ClientFor(Guid userId, bool @operator = false) => new()
    {
        BaseAddress = address,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", fixture.TokenFor(userId, @operator)) },
    };

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            await KillAsync();
        }

        process.Dispose();
    }

    private async Task UntilReady()
    {
        using var probe = new HttpClient { BaseAddress = address };
        await Poll.Until(
            async () =>
            {
                if (process.HasExited)
                {
                    throw new InvalidOperationException($"The process has ended with code {process.ExitCode}: {Log()}");
                }

                try
                {
                    using var answer = await probe.GetAsync(new Uri("/health/ready", UriKind.Relative));
                    return answer.StatusCode == HttpStatusCode.OK;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the process to be ready",
            TimeSpan.FromSeconds(60));
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.Add(line.Data ?? "");
        }
    }

    private string Log()
    {
        lock (log)
        {
            return string.Join('\n', log.TakeLast(20));
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
