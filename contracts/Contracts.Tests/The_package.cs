using System.IO.Compression;
using Chassis.Testing;
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
    public async Task Builds_a_consumer_that_knows_nothing_elseAsync()
    {
        var contracts = Output.Locate();
        // The same places relative to each other as in the repository, which is what the sample's nuget.config says.
        var feed = _directory.CreateSubdirectory(".local/packages").FullName;
        var built = Path.Combine(_directory.FullName, "built");    // others build the same at this time
        foreach (var project in (string[])["Events", "Shop.Contracts"])
        {
            await DotNetCommand.RunAsync(
                _directory.FullName,
                $"pack \"{contracts.PathOf(project)}\" -c Release -o \"{feed}\" --artifacts-path \"{built}\" -p:PackageVersion={Version} -v q -nologo");
        }

        using (var package = ZipFile.OpenRead(Path.Combine(feed, $"Shop.Contracts.{Version}.nupkg")))
        {
            var files = package.Entries.Select(e => e.FullName).ToList();
            files.ShouldContain("README.md");
            files.ShouldContain("asyncapi.yaml");
            files.ShouldContain("lib/net10.0/Shop.Contracts.dll");
            files.ShouldContain("lib/net10.0/Shop.Contracts.xml");
            files.Count(f => f.StartsWith("schemas/", StringComparison.Ordinal)).ShouldBe(ShopContracts.Catalogue.All.Count);
            using var nuspec = new StreamReader(package.GetEntry("Shop.Contracts.nuspec")!.Open());
            var said = await nuspec.ReadToEndAsync();
            said.ShouldContain("<license type=\"expression\">Apache-2.0</license>", Case.Sensitive, "nobody may use what says nothing.");
            said.ShouldNotContain("<authors>Shop.Contracts</authors>");
        }

        var sample = _directory.CreateSubdirectory("contracts/sample").FullName;
        foreach (var file in Directory.GetFiles(contracts.PathOf("sample")))
        {
            File.Copy(file, Path.Combine(sample, Path.GetFileName(file)));
        }

        await DotNetCommand.RunAsync(
            _directory.FullName,
            $"build \"{sample}\" -v q -nologo -warnaserror -p:ShopContractsVersion={Version} {DotNetCommand.RestoreInto(Path.Combine(_directory.FullName, "packages"))}");
    }
}
