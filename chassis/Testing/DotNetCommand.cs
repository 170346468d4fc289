using System.Diagnostics;

namespace Chassis.Testing;

/// <summary>Runs <c>dotnet</c> as a user of a package would, away from the repository and from what a test host sets for itself.</summary>
public static class DotNetCommand
{
    /// <summary>Options of a restore that takes no earlier package of the same version, and what else it needs from the machine's own packages.</summary>
    /// <param name="directory">Where packages are unpacked.</param>
    public static string RestoreInto(string directory)
    {
        var machine = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        return $"-p:RestorePackagesPath=\"{directory}\" -p:RestoreFallbackFolders=\"{machine}\" -p:NuGetAudit=false";
    }

    /// <returns>What it has written.</returns>
    /// <exception cref="InvalidOperationException">It failed; says what it has written.</exception>
    public static async Task<string> RunAsync(string directory, string arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        // What the test host sets for itself would lead the inner build astray.
        start.Environment.Remove("MSBuildSDKsPath");
        start.Environment.Remove("MSBUILD_EXE_PATH");
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"dotnet {arguments}\n{output}\n{await error}");
    }
}
