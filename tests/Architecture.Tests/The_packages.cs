using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Architecture.Tests;

/// <summary>What the project takes from others: which versions, under which licences, and that a page says so.</summary>
public sealed partial class The_packages
{
    /// <summary>Built as a partner would, outside of everything.</summary>
    private const string Sample = "contracts/sample/Consumer.csproj";

    /// <summary>The same, on the packages of the chassis.</summary>
    private const string Library = "chassis/tests/sample/Library.csproj";

    /// <summary>Built as somebody would who has nothing of the shop but its descriptions.</summary>
    private const string Client = "tests/clients/csharp/Buyer.csproj";

    /// <summary>Has packages of the services only, and none that somebody runs: its graph would be that of one machine.</summary>
    private const string Precompiled = "tests/Precompiled/Precompiled.csproj";

    private static readonly string[] FreeLicences = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PostgreSQL", "MPL-2.0"];

    /// <summary>Packages whose nuspec names no licence but a file: what the file is, as somebody has read.</summary>
    private static readonly Dictionary<string, string> ReadByHand = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Stripe.net"] = "Apache-2.0", ["Otp.NET"] = "MIT",
    };

    /// <summary>
    /// Where each of them began to cost money, whatever licence the package names: JsonSchema.Net and its like by an agreement beside the MIT licence.
    /// </summary>
    private static readonly Dictionary<string, int> FirstVersionWithAFee = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MassTransit"] = 9,
        ["MassTransit.RabbitMQ"] = 9,
        ["MassTransit.Abstractions"] = 9,
        ["MediatR"] = 13,
        ["AutoMapper"] = 15,
        ["FluentAssertions"] = 8,
        ["Duende.IdentityServer"] = 0,
        ["EPPlus"] = 5,
        ["Moq"] = 0,    // gathered the addresses of those who build with it
        ["JsonSchema.Net"] = 9,
        ["JsonPointer.Net"] = 7,
        ["Json.More.Net"] = 3,
    };

    private static readonly XDocument Central = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props"));

    /// <summary>All packages of all restore graphs, with what pulls them in.</summary>
    private static readonly IReadOnlyList<Package> Graph =
        [.. from file in Directory.GetFiles(Repository.Root, "packages.lock.json", SearchOption.AllDirectories)
            let path = Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')
            where !path.StartsWith(".local/", StringComparison.Ordinal) && !path.Contains("/node_modules/", StringComparison.Ordinal)
            from framework in JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(file)).GetProperty("dependencies").EnumerateObject()
            from package in framework.Value.EnumerateObject()
            let kind = package.Value.GetProperty("type").GetString()
            where kind != "Project"
            select new Package(package.Name, package.Value.GetProperty("resolved").GetString()!, kind, path)];

    [Fact]
    public void Finds_the_graphs_that_it_speaks_of()
    {
        Repository.Projects.Where(
            p => p.Path is not (Sample or Library or Client or Precompiled)
                && !File.Exists(Path.Combine(Repository.Root, p.Folder, "packages.lock.json"))).ShouldBeEmpty();
        Graph.Count.ShouldBeGreaterThan(100);
    }

    [Fact]
    public void Each_has_a_licence_that_asks_nothing_of_anybody()
    {
        var others = from package in Graph.DistinctBy(p => (p.Id, p.Version))
                     let licence = LicenceOf(package)
                     where !licence.Split(" OR ").Any(FreeLicences.Contains)
                     select $"{package} is under '{licence}', by {package.LockFile}";
        others.ShouldBeEmpty(
            $"anybody may run, change and sell this system: {string.Join(", ", FreeLicences)}, and what else is as free once it stands in this list.");
    }

    [Fact]
    public void None_asks_for_a_fee()
    {
        var charged = from package in Graph
                      where FirstVersionWithAFee.TryGetValue(package.Id, out var first) && int.Parse(package.Version.Split('.')[0], null) >= first
                      select $"{package}, by {package.LockFile}";
        charged.ShouldBeEmpty("anybody may run and change this system without paying for a library.");
        Central.Descendants("PackageVersion").Where(v => ((string)v.Attribute("Include")!).StartsWith("MassTransit", StringComparison.Ordinal))
            .ShouldAllBe(
                v => ((string)v.Attribute("Version")!).EndsWith(",9.0.0)", StringComparison.Ordinal),
                "9.x is commercial, and a range is what keeps updates out of it.");
    }

    [Fact]
    public void Versions_stand_in_one_place()
    {
        var versions = from project in Repository.Projects
                       where project.Path is not (Sample or Library or Client)
                       from reference in XDocument.Load(Path.Combine(Repository.Root, project.Path)).Descendants("PackageReference")
                       where reference.Attribute("Version") is not null
                       select $"{project} → {(string?)reference.Attribute("Include")}";
        versions.ShouldBeEmpty("Directory.Packages.props pins every version, so that two projects cannot disagree.");
    }

    [Fact]
    public void No_version_stands_there_unused() =>
        Central.Descendants("PackageVersion").Select(v => (string)v.Attribute("Include")!)
            .Except(Graph.Where(p => p.Kind is "Direct" or "CentralTransitive").Select(p => p.Id), StringComparer.OrdinalIgnoreCase)
            .ShouldBeEmpty("a version in Directory.Packages.props that no restore graph takes tells of a dependency that is none.");

    [Fact]
    public void The_page_lists_what_ships_in_a_service_with_its_licence()
    {
        var table = Table();
        string[] missing = [.. from id in Repository.Product.SelectMany(p => p.Packages).Distinct().Order(StringComparer.OrdinalIgnoreCase)
                      let licence = LicenceOf(Graph.First(p => p.Id.Equals(id, StringComparison.OrdinalIgnoreCase)))
                      where !table.Contains((id, licence))
                      select table.FirstOrDefault(row => row.Id == id) is (not null, var wrong)
                          ? $"`{id}` is under {licence}, and not under {wrong}"
                          : $"| `{id}` | {licence} | … |"];
        missing.ShouldBeEmpty($"""
            the table in docs/dependencies.md, whose packages stand in backticks, is what a lawyer reads. It lacks:
            {string.Join(Environment.NewLine, missing)}
            """);
    }

    [Fact]
    public void The_page_lists_nothing_else()
    {
        var all = Graph.Where(p => p.Kind == "Direct").ToLookup(p => p.Id, StringComparer.Ordinal);
        var wrong = from row in Table()
                    where !all[row.Id].Any(p => LicenceOf(p) == row.Licence)
                    select all.Contains(row.Id)
                        ? $"`{row.Id}` is under {LicenceOf(all[row.Id].First())}, and not under {row.Licence}"
                        : $"`{row.Id}` is referenced by no project";
        wrong.ShouldBeEmpty("a table of dependencies that names what is not there is believed in nothing.");
    }

    [Fact]
    public void The_page_lists_the_images_that_are_built_on_and_run()
    {
        string[] compose = ["docker-compose.yml", "tests/compose.yml"];
        var dockerfiles = Directory.GetFiles(Repository.Root, "Dockerfile", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.Root, f))
            .Where(f => !f.StartsWith(".local", StringComparison.Ordinal)).ToList();
        dockerfiles.Count.ShouldBeGreaterThan(5);
        Table("image").Select(row => row.Id).ShouldBe(
            compose.Concat(dockerfiles).SelectMany(f => Image().Matches(Read(f))).Select(m => m.Groups["name"].Value).Distinct(), ignoreOrder: true);
    }

    [Fact]
    public void The_page_lists_what_the_mode_without_containers_installs() =>
        Table("package of the machine").Select(row => row.Id).ShouldBe(
            Installed().Matches(Read("deploy/local/packages.sh") + Read("deploy/local/observability.sh")).Select(m => m.Groups[1].Value).Distinct(), ignoreOrder: true);

    [Fact]
    public void The_page_lists_the_npm_packages_that_are_asked_for_with_their_licences()
    {
        var asked = from file in Directory.GetFiles(Repository.Root, "package-lock.json", SearchOption.AllDirectories)
                    let path = Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')
                    where !path.StartsWith(".local/", StringComparison.Ordinal) && !path.Contains("/node_modules/", StringComparison.Ordinal)
                    let packages = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(file)).GetProperty("packages")
                    from kind in (string[])["dependencies", "devDependencies"]
                    where packages.GetProperty("").TryGetProperty(kind, out _)
                    from package in packages.GetProperty("").GetProperty(kind).EnumerateObject()
                    select (package.Name, packages.GetProperty($"node_modules/{package.Name}").GetProperty("license").GetString()!);
        Table("npm package").ShouldBe(asked.Distinct(), ignoreOrder: true);
    }

    [Fact]
    public void Each_of_ours_says_what_it_is_and_under_which_licence()
    {
        var common = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"));
        common.Descendants("PackageLicenseExpression").Single().Value.ShouldBe("Apache-2.0");
        common.Descendants("Authors").Single().Value.ShouldNotBeEmpty();
        common.Descendants("IsPackable").Single().Value.ShouldBe("false", "what is packed is said by each package itself.");
        var ours = Repository.Projects.Select(p => (Project: p, Xml: XDocument.Load(Path.Combine(Repository.Root, p.Path))))
            .Where(p => p.Xml.Descendants("IsPackable").Any(e => e.Value == "true")).ToList();
        ours.Select(p => p.Project.Folder).ShouldBe(
            The_public_interfaces.Packages.Select(row => row.Data).Append("contracts/Shop.Contracts"), ignoreOrder: true);
        foreach (var (project, xml) in ours)
        {
            xml.Descendants("PackageId").Single().Value.ShouldBe(project.Assembly);
            xml.Descendants("Description").Single().Value.Length.ShouldBeGreaterThan(40, project.Path);
            xml.Descendants("DebugType").Single().Value.ShouldBe("embedded", $"{project}: symbols go with the assembly.");
            xml.Descendants("PackageReadmeFile").Single().Value.ShouldBe("README.md", project.Path);
            xml.Descendants("None").Where(e => (string?)e.Attribute("Pack") == "true").Select(e => (string)e.Attribute("Include")!)
                .Where(file => file.EndsWith("README.md", StringComparison.Ordinal) && File.Exists(Path.Combine(Repository.Root, project.Folder, file)))
                .Count().ShouldBe(1, project.Path);
        }
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    /// <summary>The names in backticks of a table of docs/dependencies.md; a row may name several of one licence.</summary>
    private static IReadOnlyList<(string Id, string Licence)> Table(string of = "dependency") =>
        [.. File.ReadLines(Path.Combine(Repository.Root, "docs/dependencies.md"))
            .SkipWhile(line => !line.StartsWith($"| {of} | licence |", StringComparison.Ordinal))
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .SelectMany(cells => InBackticks().Matches(cells[1]).Select(m => (m.Groups[1].Value, cells[2])))];

    private static string LicenceOf(Package package)
    {
        var folder = Path.Combine(
            Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } packages
                ? packages
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
            package.Id.ToLowerInvariant(),
            package.Version.ToLowerInvariant());
        var nuspec = Path.Combine(folder, $"{package.Id.ToLowerInvariant()}.nuspec");
        File.Exists(nuspec).ShouldBeTrue($"{package} has not been restored here: dotnet restore Microservices.sln. It is needed by {package.LockFile}.");
        var metadata = XDocument.Load(nuspec).Root!.Elements().Single().Elements().ToLookup(e => e.Name.LocalName);
        return metadata["license"].SingleOrDefault() is { } licence && (string?)licence.Attribute("type") == "expression"
            ? licence.Value
            : ReadByHand.GetValueOrDefault(
                package.Id,
                $"no expression, but {metadata["license"].SingleOrDefault()?.Value ?? metadata["licenseUrl"].SingleOrDefault()?.Value ?? "nothing"}");
    }

    // image: name, image: ${SETTING:-name}, FROM name
    [GeneratedRegex(@"^(?:\s+image: (?:\$\{\w+:-)?|FROM )(?<name>[\w./-]+:[\w.-]+)", RegexOptions.Multiline)]
    private static partial Regex Image();

    // What missing_packages prints.
    [GeneratedRegex(@"\|\| echo ([\w-]+)$", RegexOptions.Multiline)]
    private static partial Regex Installed();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex InBackticks();

    private sealed record Package(string Id, string Version, string Kind, string LockFile)
    {
        public override string ToString() => $"{Id} {Version}";
    }
}
