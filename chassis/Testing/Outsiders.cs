using System.ComponentModel;
using System.Diagnostics;

namespace Chassis.Testing;

/// <summary>Programs and packages from outside .NET that some tests need; where they are missing, these tests are skipped.</summary>
public static class Outsiders
{
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw Missing.Prerequisite($"This test runs {start.FileName}, which is not on this machine ({e.Message}).");
        }
    }

    /// <summary>Runs a program to its end; answers its exit code and everything that it wrote.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Start(start);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Gives a program its whole input. One that has ended without reading it has its reasons, and they are in its exit code and its output.</summary>
    public static async Task WriteAsync(Process process, string input)
    {
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The pipe is broken: nobody reads.
        }
    }

    /// <summary>Installs what the Node programs in a folder need, as their lock file says, unless it is there already.</summary>
    public static async Task InstallNodePackagesAsync(string folder)
    {
        if (File.Exists(Path.Combine(folder, "node_modules", ".package-lock.json")))
        {
            return;
        }

        var (exitCode, output) = await RunAsync(new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder]));
        if (exitCode != 0)
        {
            throw Missing.Prerequisite($"This test needs the packages of {folder}, and `npm ci` could not install them: {output}");
        }
    }
}
