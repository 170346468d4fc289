using System.Reflection;
using PublicApiGenerator;

namespace Architecture.Tests;

/// <summary>What the packages offer stands in a file beside each of them, so that nobody changes it unseen.</summary>
public sealed class The_public_interfaces
{
    private const string Update = "UPDATE_PUBLIC_API";

    public static TheoryData<string> Packages => ["contracts/Events", "chassis/Core", "chassis/Data", "chassis/Messaging.Outbox", "chassis/Messaging"];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Are_what_their_files_say(string folder)
    {
        var project = Repository.Projects.Single(p => p.Folder == folder);
        // Beside a service, where everything lies that it refers to.
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        var assembly = Assembly.LoadFrom(Path.Combine(
            Repository.Root, "services/orders/Orders/bin", output.Parent!.Name, output.Name, $"{project.Assembly}.dll"));
        var offered = assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false }).ReplaceLineEndings("\n") + "\n";
        var file = Path.Combine(Repository.Root, folder, "PublicApi.txt");
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, offered);
        }

        offered.ShouldBe(
            File.Exists(file) ? File.ReadAllText(file) : "",
            $"A change of what a package offers is a decision: look at it, then {Update}=1 make test TESTS=Architecture, and commit the file.");
    }
}
