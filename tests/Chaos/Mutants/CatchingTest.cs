using System.Diagnostics;

namespace Shop.Chaos.Mutants;

/// <summary>
/// One test of a project, for a bug that nobody sees from outside or that no run of the whole meets: by itself it must pass, with the bug it must fail.
/// </summary>
internal static class CatchingTest
{
    private const int SomeFailed = 1;

    /// <summary>Where the projects are of which a test can be named; <c>deploy/chaos-mutants.sh</c> builds them.</summary>
    private static readonly string[] Projects = ["chassis/tests/EventSourcing.Tests", "chassis/tests/Messaging.Tests", "tests/Gateway.Tests"];

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
        var program = ProgramOf(build, test);
        var start = new ProcessStartInfo("dotnet", [program, "-method", test, "-noLogo", "-noColor"])
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
        // A theory is several. What runs none passes all the same.
        if (!output.Contains("Total: ", StringComparison.Ordinal) || output.Contains("Total: 0", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"There is no test {test}.");
        }

        return process.ExitCode;
    }

    private static string ProgramOf(string build, string test)
    {
        var project = Projects.FirstOrDefault(p => test.StartsWith($"{Path.GetFileName(p)}.", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"{test} is in none of {string.Join(", ", Projects)}.");
        return Path.Combine(build, project, "bin/Release/net10.0", $"{Path.GetFileName(project)}.dll");
    }
}
