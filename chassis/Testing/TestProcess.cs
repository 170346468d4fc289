using System.Diagnostics;
using System.Net;

namespace Chassis.Testing;

/// <summary>A program of this repository as a process of its own, which can really be killed. It ends with the test process at the latest.</summary>
public sealed class TestProcess : IDisposable
{
    private readonly Process _process;
    private readonly LastLines _log = new(60);

    private TestProcess(string assembly, Process process)
    {
        this._process = process;
        process.OutputDataReceived += (_, e) => _log.Add(e.Data);
        process.ErrorDataReceived += (_, e) => _log.Add(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        AppDomain.CurrentDomain.ProcessExit += KillAtTheEnd;
        Evidence.Offer(this, () => LookAsync(Path.GetFileNameWithoutExtension(assembly)));
    }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>The end of what it has said.</summary>
    public string Log => string.Join('\n', _log.Lines);

    /// <param name="assembly">In the folder of the test: <c>Orders.dll</c>.</param>
    /// <param name="settings">Environment variables; a colon in a name becomes <c>__</c>.</param>
    public static TestProcess Start(string assembly, IEnumerable<(string Name, string Value)> settings)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly)])
        {
            WorkingDirectory = AppContext.BaseDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in settings)
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return new TestProcess(assembly, Process.Start(start) ?? throw new InvalidOperationException($"{assembly} did not start."));
    }

    /// <summary>Comes back when the service says that it is ready: every queue of it is bound and read then.</summary>
    /// <param name="address">Where it listens.</param>
    public async Task UntilReadyAsync(Uri address)
    {
        using var probe = new HttpClient { BaseAddress = address };
        await Poll.UntilAsync(
            async () =>
            {
                if (HasExited)
                {
                    throw new InvalidOperationException($"The process has ended with code {ExitCode}: {Log}");
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

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    /// <summary>Until all that an ended process has said is in its <see cref="Log"/>, which may come after its end.</summary>
    public Task DrainAsync() => _process.WaitForExitAsync();

    public void Dispose()
    {
        Evidence.Withdraw(this);
        AppDomain.CurrentDomain.ProcessExit -= KillAtTheEnd;
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    /// <summary>The threads of a process of .NET and where each stands; nothing where <c>dotnet tool restore</c> has not been run.</summary>
    public static async Task<IEnumerable<string>> StacksAsync(int pid)
    {
        using var tool = Process.Start(new ProcessStartInfo("dotnet", ["dotnet-stack", "report", "--process-id", $"{pid}"])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            var said = await tool.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
            // Ours and the transport's; a thread that waits for work says nothing.
            return said.Split('\n').Select(
                l => l.Trim()).Where(l => l.Contains("Chassis", StringComparison.Ordinal) || l.Contains("MassTransit", StringComparison.Ordinal)
                || l.Contains("RabbitMQ", StringComparison.Ordinal) || l.Contains("Npgsql", StringComparison.Ordinal)).Distinct();
        }
        finally
        {
            if (!tool.HasExited)
            {
                tool.Kill();
            }
        }
    }

    private async Task<IEnumerable<string>> LookAsync(string name) => HasExited
        ? [$"{name} has ended with {ExitCode} and said last:", .. _log.Lines]
        :
        [
            $"{name} runs ({_process.Id}) and said last:",
            .. _log.Lines.TakeLast(12),
            .. (await StacksAsync(_process.Id)).Take(12).Prepend("its threads stand in:"),
        ];

    private void KillAtTheEnd(object? sender, EventArgs e) => Dispose();
}
