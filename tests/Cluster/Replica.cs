using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Chassis.Testing;

namespace Shop.Cluster;

/// <summary>One process of a service, as an operating system sees it: started, killed, frozen, thawed and started again under the same address.</summary>
public sealed partial class Replica : IAsyncDisposable
{
    private const int Sigterm = 15;
    private const int Sigcont = 18;
    private const int Sigstop = 19;

    private readonly string _assembly;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly LastLines _log = new(400);
    private readonly string? _logFile;
    private readonly HttpClient _probe;
    private readonly bool _supervised;
    private readonly ConcurrentQueue<Process> _processes = [];
    private volatile Process? _process;
    private volatile bool _wanted;
    private readonly ConcurrentQueue<int> _endings = [];

    internal Replica(string service, int number, string assembly, IReadOnlyDictionary<string, string> environment, string? logDirectory, bool supervised)
    {
        this._assembly = assembly;
        this._supervised = supervised;
        this._environment = environment;
        (Service, Number) = (service, number);
        Name = $"{service}-{number}";
        _logFile = logDirectory is null ? null : Path.Combine(logDirectory, $"{Name}.log");
        Address = new Uri(environment["ASPNETCORE_URLS"]);
        _probe = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        AppDomain.CurrentDomain.ProcessExit += KillAtTheEnd;
        Evidence.Offer(this, LookAsync);
    }

    public string Service { get; }

    public int Number { get; }

    /// <summary>Service and number, for example <c>orders-2</c>.</summary>
    public string Name { get; }

    public Uri Address { get; }

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>The process id; 0 when it does not run.</summary>
    public int Pid => IsRunning ? _process!.Id : 0;

    /// <summary>The exit codes of the processes that ended by themselves and were followed by another.</summary>
    public IReadOnlyCollection<int> Endings => _endings;

    /// <summary>The last lines that the process wrote.</summary>
    public IReadOnlyCollection<string> Log => _log.Lines;

    public void Start()
    {
        if (IsRunning)
        {
            return;
        }

        _wanted = true;
        var start = new ProcessStartInfo("dotnet", [_assembly])
        {
            WorkingDirectory = Path.GetDirectoryName(_assembly)!,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in _environment)
        {
            start.Environment[key] = value;
        }

        var started = Process.Start(start) ?? throw new InvalidOperationException($"{Name} did not start.");
        started.OutputDataReceived += (_, line) => Keep(line.Data);
        started.ErrorDataReceived += (_, line) => Keep(line.Data);
        started.BeginOutputReadLine();
        started.BeginErrorReadLine();
        _processes.Enqueue(started);
        _process = started;
        if (_supervised)
        {
            started.Exited += (_, _) => StartAgain(started);
            started.EnableRaisingEvents = true;
        }
    }

    /// <summary>Waits until the replica says that it can serve.</summary>
    public Task WaitUntilReadyAsync(TimeSpan? timeout = null) =>
        Poll.UntilAsync(IsReadyAsync, $"{Name} to be ready{Tail()}", timeout ?? TimeSpan.FromMinutes(5));

    public async Task<bool> IsReadyAsync()
    {
        FailIfEnded();
        try
        {
            using var response = await _probe.GetAsync(new Uri("/health/ready", UriKind.Relative));
            // Not what somebody else says at its address.
            FailIfEnded();
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public void Kill()
    {
        _wanted = false;
        if (IsRunning)
        {
            _process!.Kill();
            _process.WaitForExit();
        }
    }

    /// <summary>Freezes the process: its connections stay open and say nothing.</summary>
    public void Pause() => Signal(Sigstop);

    public void Resume() => Signal(Sigcont);

    /// <summary>Frozen until the returned is disposed of: what waits for this process waits as long as a test needs.</summary>
    public IDisposable Frozen()
    {
        Pause();
        return new Thaw(this);
    }

    /// <summary>Asks the process to finish what it does and end, and insists after the time-out.</summary>
    public async Task StopAsync(TimeSpan? timeout = null)
    {
        _wanted = false;
        if (!IsRunning)
        {
            return;
        }

        Signal(Sigterm);
        using var limit = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(30));
        try
        {
            await _process!.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Kill();
        }
    }

    public ValueTask DisposeAsync()
    {
        Evidence.Withdraw(this);
        AppDomain.CurrentDomain.ProcessExit -= KillAtTheEnd;
        Kill();
        // Not before: others look at a process, and whether it runs, while it is replaced.
        foreach (var each in _processes)
        {
            each.Dispose();
        }

        _probe.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task<IEnumerable<string>> LookAsync() =>
        Task.FromResult<IEnumerable<string>>([$"{Name} {(IsRunning ? "runs" : "does not run")} and said last:", .. _log.Lines.TakeLast(8)]);

    internal string Tail() => Log.Count == 0 ? "" : $"; its last lines:{Environment.NewLine}{string.Join(Environment.NewLine, _log.Lines.TakeLast(15))}";

    private void FailIfEnded()
    {
        if (_process is { HasExited: true } ended)
        {
            throw new InvalidOperationException($"{Name} ended with exit code {ended.ExitCode}.{Tail()}");
        }
    }

    // Nobody has killed or stopped it: as a container engine does.
    private void StartAgain(Process ended)
    {
        if (_wanted && ended == _process)
        {
            _endings.Enqueue(ended.ExitCode);
            Start();
        }
    }

    // Whoever started it may be told to end by a signal, and nobody disposes anything then.
    private void KillAtTheEnd(object? sender, EventArgs e) => Kill();

    private void Signal(int signal)
    {
        if (IsRunning && kill(_process!.Id, signal) != 0)
        {
            throw new InvalidOperationException($"{Name} could not be sent signal {signal}: error {Marshal.GetLastPInvokeError()}.");
        }
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        _log.Add(line);
        if (_logFile is not null)
        {
            lock (_log)
            {
                File.AppendAllText(_logFile, line + Environment.NewLine);
            }
        }
    }

    private sealed class Thaw(Replica frozen) : IDisposable
    {
        public void Dispose() => frozen.Resume();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
