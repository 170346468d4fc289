using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>The small service as a process of its own, which can be killed.</summary>
public sealed class WorkProcess : IDisposable
{
    private const int LinesKept = 60;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = new();

    private WorkProcess(Process process) => _process = process;

    public bool HasExited => _process.HasExited;

    /// <summary>Once it has exited.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>The end of what it has said.</summary>
    public string Log => string.Join('\n', _log);

    public static WorkProcess Start(WorkFixture fixture, Uri? broker = null, params (string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Messaging.CrashHost.dll")])
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in ((string, string)[])
        [
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("ASPNETCORE_ENVIRONMENT", "Development"),
            ("ConnectionStrings__Database", fixture.Database.Migrations),
            ("RabbitMq__Uri", (broker ?? fixture.Vhost.Uri).ToString()),
            ("Authentication__Authority", TestTokens.Issuer),
            ("Messaging__AnnounceService", "false"),
            ("Messaging__Lease", "00:00:02"),
            ("Messaging__SweepInterval", "00:00:00.200"),
            .. settings,
        ])
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        var work = new WorkProcess(process);
        process.OutputDataReceived += (_, e) => work.Keep(e.Data);
        process.ErrorDataReceived += (_, e) => work.Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return work;
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    public Task WaitForDeathAsync() => Poll.Until(() => _process.HasExited, "the process to die", TimeSpan.FromSeconds(40));

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Keep(string? line)
    {
        _log.Enqueue(line ?? "(end)");
        while (_log.Count > LinesKept)
        {
            _log.TryDequeue(out _);
        }
    }
}
