using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>Packs messaging with what it stands on, and builds and runs the sample on the packages, away from the repository.</summary>
public sealed class PackageTests(WorkFixture fixture) : IClassFixture<WorkFixture>, IDisposable
{
    private const string Version = "1.0.0-check";
    private static readonly string[] Parts = ["contracts/Events", "chassis/Core", "chassis/Data", "chassis/Messaging.Outbox", "chassis/Messaging"];

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("chassis-packages-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_program_that_knows_nothing_else_has_an_outbox_and_an_inbox()
    {
        // The same places relative to each other as in the repository, which is what the sample's nuget.config says.
        var feed = _directory.CreateSubdirectory(".local/packages").FullName;
        var built = Path.Combine(_directory.FullName, "built");    // others build the same at this time
        foreach (var part in Parts)
        {
            await DotNetCommand.RunAsync(
                _directory.FullName,
                $"pack \"{Repository.PathOf(part)}\" -c Release -o \"{feed}\" --artifacts-path \"{built}\" -p:PackageVersion={Version} -v q -nologo");
        }

        var sample = _directory.CreateSubdirectory("chassis/tests/sample").FullName;
        foreach (var file in Directory.GetFiles(Repository.PathOf("chassis/tests/sample")))
        {
            File.Copy(file, Path.Combine(sample, Path.GetFileName(file)));
        }

        await DotNetCommand.RunAsync(
            _directory.FullName,
            $"build \"{sample}\" -v q -nologo -warnaserror -p:ChassisVersion={Version} {DotNetCommand.RestoreInto(Path.Combine(_directory.FullName, "packages"))}");

        await using var database = await TestDatabase.CreateAsync();
        await fixture.Vhost.SetQueuePolicyAsync("library");
        var said = await DotNetCommand.RunAsync(sample, $"run --no-build -- \"{database.Migrations}\" \"{fixture.Vhost.Uri}\"");
        said.ShouldContain("The loan was heard of.");
        (await database.ScalarAsync<long>("SELECT count(*) FROM messaging.boundary_events WHERE type = 'sample.book.lent.v1'")).ShouldBe(1);
        (await database.ScalarAsync<long>("SELECT count(*) FROM messaging.inbox")).ShouldBe(1);
        (await database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox")).ShouldBe(0);
    }
}
