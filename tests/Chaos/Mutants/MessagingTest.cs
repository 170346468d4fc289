using System.Diagnostics;

namespace Shop.Chaos.Mutants;

/// <summary>
/// One test of messaging, for a bug that nobody sees from outside because every handler bears repetition and disorder: by itself it must pass, with the bug it
/// must fail.
/// </summary>
internal static class MessagingTest
{
    private const string Program = "chassis/tests/Messaging.Tests/bin/Release/net10.0/Messaging.Tests.dll";
    private const int SomeFailed = 1;

    /// <returns>Whether the bug makes it fail.</returns>
    /// <exception cref="InvalidOperationException">It fails without the bug, or does not run at all.</exception>
    public static async Task<bool> FailsAsync(string build, Mutant mutant, TextWriter log)
    {
        if (await RunAsync(build, mutant.CaughtBy, planted: null, log) is not 0 and var code)
        {
            throw new InvalidOperationException($"{mutant.CaughtBy} ends with {code} although no bug is switched on.");
        }

        return await RunAsync(build, mutant.CaughtBy, mutant.Name, log) == SomeFailed;
    }

    private static async Task<int> RunAsync(string build, string test, string? planted, TextWriter log)
    {
        var program = Path.Combine(build, Program);
        var start = new ProcessStartInfo("dotnet", [program, "-method", $"Messaging.Tests.{test}", "-noLogo", "-noColor"])
        {
            WorkingDirectory = Path.GetDirectoryName(program),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Mutant.Switch] = planted;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        await log.WriteLineAsync($"{planted ?? MutantTest.ControlName}: exit code {process.ExitCode}\n{output}{await error}");
        if (!output.Contains("Total: 1,", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"There is no test {test} of messaging, or not one.");
        }

        return process.ExitCode;
    }
}
