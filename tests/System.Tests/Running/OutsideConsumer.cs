using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;

namespace Shop.SystemTests.Running;

/// <summary>One of the programs in <c>tests/consumers</c>, which are not written in .NET.</summary>
public sealed class OutsideConsumer : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<JsonElement> _lines = new();
    private readonly ConcurrentQueue<string> _errors = new();

    /// <summary>The system's own, which has the distribution's libraries, where there is one.</summary>
    public static string Python { get; } = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

    private OutsideConsumer(Process process) => this._process = process;

    public static string Directory { get; } = Path.Combine(ShopCluster.Root, "tests", "consumers");

    /// <summary>What it says of each message: queue, type, subject, id, and what was wrong.</summary>
    public IEnumerable<JsonElement> Messages => _lines.Where(l => l.TryGetProperty("queue", out _));

    /// <summary>Starts the program and waits until its queues are bound.</summary>
    public static async Task<OutsideConsumer> StartAsync(string program, string script, params string[] arguments)
    {
        var consumer = new OutsideConsumer(Launch(program, [Path.Combine(Directory, script), .. arguments]));
        consumer._process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is { Length: > 0 } line)
            {
                consumer._lines.Enqueue(JsonElement.Parse(line));
            }
        };
        consumer._process.ErrorDataReceived += (_, e) => consumer._errors.Enqueue(e.Data ?? "");
        consumer._process.BeginOutputReadLine();
        consumer._process.BeginErrorReadLine();
        await Poll.UntilAsync(
            () => consumer._process.HasExited
                ? throw new InvalidOperationException($"{script} ended: {string.Join('\n', consumer._errors)}")
                : !consumer._lines.IsEmpty,
            $"{script} to bind its queues",
            TimeSpan.FromSeconds(60));
        return consumer;
    }

    /// <summary>Runs a program to its end on some input; answers exit code and everything that it wrote.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string program, string script, IEnumerable<string> input)
    {
        using var process = Launch(program, [Path.Combine(Directory, script)]);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await Outsiders.WriteAsync(process, string.Concat(input.Select(line => line + Environment.NewLine)));
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Makes sure that the programs have what they need: the packages of Node are installed, those of Python have to be there.</summary>
    public static async Task PrepareAsync()
    {
        await Outsiders.InstallNodePackagesAsync(Path.Combine(Directory, "node"));
        var (exitCode, output) = await Outsiders.RunAsync(new ProcessStartInfo(Python, ["-c", "import pika, jsonschema"]));
        if (exitCode != 0)
        {
            throw Missing.Prerequisite(
                $"This test needs pika and jsonschema for {Python}, on Debian the packages python3-pika and python3-jsonschema: {output}");
        }
    }

    /// <summary>Lets the program end as it does for a partner; its exit code says whether any message was wrong.</summary>
    public async Task<int> EndAsync()
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static Process Launch(string program, IEnumerable<string> arguments) =>
        Outsiders.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
}
