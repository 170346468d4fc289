using System.Diagnostics;
using System.IO.Compression;
using Contracts.Generator;
using Shop.Contracts;

namespace Contracts.Tests;

/// <summary>Packs the contracts and builds the sample consumer against the package, away from the repository.</summary>
public sealed class The_package : IDisposable
{
    private const string Version = "1.0.0-check";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("shop-contracts-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Builds_a_consumer_that_knows_nothing_else()
    {
        var contracts = Output.Locate();
        // The same places relative to each other as in the repository, which is what the sample's nuget.config says.
        var feed = _directory.CreateSubdirectory(".local/packages").FullName;
        foreach (var project in (string[])["Events", "Shop.Contracts"])
        {
            DotNet($"pack \"{contracts.PathOf(project)}\" -c Release -o \"{feed}\" -p:PackageVersion={Version} -v q -nologo");
        }

        using (var package = ZipFile.OpenRead(Path.Combine(feed, $"Shop.Contracts.{Version}.nupkg")))
        {
            var files = package.Entries.Select(e => e.FullName).ToList();
            files.ShouldContain("README.md");
            files.ShouldContain("asyncapi.yaml");
            files.ShouldContain("lib/net10.0/Shop.Contracts.dll");
            files.ShouldContain("lib/net10.0/Shop.Contracts.xml");
            files.Count(f => f.StartsWith("schemas/", StringComparison.Ordinal)).ShouldBe(ShopContracts.Catalogue.All.Count);
        }

        var sample = _directory.CreateSubdirectory("contracts/sample").FullName;
        foreach (var file in Directory.GetFiles(contracts.PathOf("sample")))
        {
            File.Copy(file, Path.Combine(sample, Path.GetFileName(file)));
        }

        // A package directory of its own, so that no earlier package of the same version is taken; the machine's own serves for the rest.
        var machine = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        DotNet(
            $"build \"{sample}\" -v q -nologo -warnaserror -p:ShopContractsVersion={Version} "
            + $"-p:RestorePackagesPath=\"{Path.Combine(_directory.FullName, "packages")}\" -p:RestoreFallbackFolders=\"{machine}\" -p:NuGetAudit=false");
    }

    private void DotNet(string arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = _directory.FullName, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        // What the test host sets for itself would lead the inner build astray.
        start.Environment.Remove("MSBuildSDKsPath");
        start.Environment.Remove("MSBUILD_EXE_PATH");
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, $"dotnet {arguments}\n{output}\n{error.Result}");
    }
}
