using System.Diagnostics;
using System.Globalization;
using Chassis.Testing;
using Npgsql;

namespace Shop.SystemTests.Running;

/// <summary>
/// Two PostgreSQL servers of a test's own, of which the second follows the first by streaming: by the script of <c>make test</c>, as processes of this machine.
/// </summary>
public sealed class PairOfDatabases : IAsyncDisposable
{
    private readonly string _name = $"pair-{Environment.ProcessId}";
    private int _sender;

    private PairOfDatabases()
    {
    }

    /// <summary>Connection string of an administrator; it leads to whichever takes writes.</summary>
    public string Administrator { get; private set; } = "";

    private string First { get; set; } = "";

    private string Second { get; set; } = "";

    /// <summary>Starts both; the second has everything that the first has.</summary>
    /// <param name="mode"><c>sync</c>: a commit is answered when both have it. <c>async</c>: when the first has.</param>
    public static async Task<PairOfDatabases> StartAsync(string mode)
    {
        if (Environment.GetEnvironmentVariable("TEST_RABBITMQCTL") is null)
        {
            throw Missing.Choice("This test kills a PostgreSQL of its own, which is a process of this machine: make test MODE=local (docs/testing.md).");
        }

        var pair = new PairOfDatabases();
        try
        {
            await pair.RunAsync("start", "postgres");
            pair.First = AddressIn(await pair.RunAsync("env"));
            pair.Second = new NpgsqlConnectionStringBuilder(pair.First)
            {
                Port = int.Parse((await pair.RunAsync("replica", mode)).Trim().Split('\n')[^1], CultureInfo.InvariantCulture),
            }.ConnectionString;
            pair.Administrator = Both(pair.First, pair.Second);
            return pair;
        }
        catch
        {
            await pair.DisposeAsync();
            throw;
        }
    }

    /// <summary>The first is killed with kill -9, and the second takes over at its own address.</summary>
    public async Task FailOverAsync()
    {
        await RunAsync("failover");
        if (_sender != 0)
        {
            await SignalAsync("-KILL", _sender);
        }
    }

    /// <summary>What the first commits from here on does not reach the second.</summary>
    /// <returns>The moment of the last commit that the second has.</returns>
    public async Task<DateTime> CutAsync()
    {
        _sender = await ScalarAsync<int>(First, "SELECT pid FROM pg_stat_replication WHERE application_name = 'replica'");
        await SignalAsync("-STOP", _sender);
        return await ScalarAsync<DateTime>(Second, "SELECT pg_last_xact_replay_timestamp()");
    }

    /// <summary>How much of the log the second has not got, in bytes.</summary>
    public Task<decimal> LagAsync() =>
        ScalarAsync<decimal>(First, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) FROM pg_stat_replication WHERE application_name = 'replica'");

    public async ValueTask DisposeAsync() => await RunAsync("stop");

    private static string Both(string first, string second)
    {
        var (one, other) = (new NpgsqlConnectionStringBuilder(first), new NpgsqlConnectionStringBuilder(second));
        return new NpgsqlConnectionStringBuilder(first)
        {
            Host = string.Create(CultureInfo.InvariantCulture, $"{one.Host}:{one.Port},{other.Host}:{other.Port}"),
            TargetSessionAttributes = "primary",
            HostRecheckSeconds = 1,
        }.ConnectionString;
    }

    private static string AddressIn(string environment) => environment.Split('\n').Single(line => line.StartsWith("export TEST_POSTGRES=", StringComparison.Ordinal))
        .Split('"')[1];

    private static async Task<T> ScalarAsync<T>(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static async Task SignalAsync(string signal, int process)
    {
        using var kill = Process.Start("kill", [signal, process.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [Repository.PathOf("deploy/local/servers.sh"), _name, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["UNSAFE"] = "1";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"servers.sh {_name} {string.Join(' ', arguments)}: {output}{await errors}");
    }
}
