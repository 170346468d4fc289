using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using ArchUnitNET.Loader;
using CompiledCode = ArchUnitNET.Domain.Architecture;

namespace Architecture.Tests;

/// <summary>A project of the repository, as its file says.</summary>
/// <param name="Name">File name without extension.</param>
/// <param name="Path">Path below the root, with slashes.</param>
/// <param name="Assembly">Name of what it is compiled to.</param>
/// <param name="Projects">Paths of the projects that it refers to and links.</param>
/// <param name="Packages">Packages that it names.</param>
public sealed record Project(string Name, string Path, string Assembly, IReadOnlyList<string> Projects, IReadOnlyList<string> Packages)
{
    public string Folder => Path[..Path.LastIndexOf('/')];

    public bool IsTest =>
        Name.EndsWith(".Tests", StringComparison.Ordinal)
            || Path.StartsWith("tests/", StringComparison.Ordinal)
            || Path.Contains("/tests/", StringComparison.Ordinal)
            || Name == "Testing";

    /// <summary>The service that it belongs to, or null: <c>services/orders/Orders.Domain</c> belongs to <c>orders</c>.</summary>
    public string? Service => Path.Split('/') is ["services", var service, ..] ? service : null;

    public bool IsChassis => Path.StartsWith("chassis/", StringComparison.Ordinal) && !IsTest;

    public override string ToString() => Path;
}

/// <summary>What the repository holds, read from its files and its compiled assemblies.</summary>
public static class Repository
{
    public const string Contracts = "contracts/Shop.Contracts/Shop.Contracts.csproj";

    public const string Events = "contracts/Events/Events.csproj";

    private static readonly Lazy<CompiledCode> Loaded = new(() => Compiled(Product));    // takes seconds, which the rules about files need not wait

    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<Project> Projects { get; } =
        [.. Directory.GetFiles(Root, "*.csproj", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith(".local/", StringComparison.Ordinal) && !f.StartsWith("templates/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(Read)];

    public static IEnumerable<Project> OfServices => Projects.Where(p => p.Service is not null && !p.IsTest);

    /// <summary>Everything that runs in a service, ours and no package's.</summary>
    public static IEnumerable<Project> Product => Projects.Where(p => (p.Service is not null || p.IsChassis || p.Path is Contracts or Events) && !p.IsTest);

    /// <summary>The compiled <see cref="Product"/>; what it depends on beside itself is known by name only.</summary>
    public static CompiledCode Code => Loaded.Value;

    /// <summary>The C# files below a folder that somebody wrote.</summary>
    public static IEnumerable<(string Path, string[] Lines)> Sources(string folder) =>
        Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Select(f => (f, File.ReadAllLines(Path.Combine(Root, f))));

    /// <summary>
    /// The types of other assemblies that a compiled project names, those included that the compiler has inferred; a type within another as <c>Outer+Inner</c>.
    /// </summary>
    public static IReadOnlyList<(string Assembly, string Type)> MentionsOf(Project project)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(OutputOf(project), $"{project.Assembly}.dll")));
        var metadata = file.GetMetadataReader();
        return [.. metadata.TypeReferences.Select(Mention).Where(m => m.Assembly.Length > 0)];

        (string Assembly, string Type) Mention(TypeReferenceHandle handle)
        {
            var type = metadata.GetTypeReference(handle);
            var name = metadata.GetString(type.Name);
            switch (type.ResolutionScope.Kind)
            {
                case HandleKind.TypeReference:
                    var (assembly, outer) = Mention((TypeReferenceHandle)type.ResolutionScope);
                    return (assembly, $"{outer}+{name}");
                case HandleKind.AssemblyReference:
                    var reference = metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope);
                    return (metadata.GetString(reference.Name), $"{metadata.GetString(type.Namespace)}.{name}");
                default:
                    return (string.Empty, name);
            }
        }
    }

    private static CompiledCode Compiled(IEnumerable<Project> projects) => projects.Aggregate(
        new ArchLoader(), (loader, project) => loader.LoadFilteredDirectory(OutputOf(project), $"{project.Assembly}.dll")).Build();

    private static string OutputOf(Project project)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        return Path.Combine(Root, project.Folder, "bin", output.Parent!.Name, output.Name);
    }

    private static Project Read(string path)
    {
        var xml = XDocument.Load(Path.Combine(Root, path));
        var folder = Path.GetDirectoryName(Path.Combine(Root, path))!;
        return new Project(
            Path.GetFileNameWithoutExtension(path),
            path,
            xml.Descendants("AssemblyName").FirstOrDefault()?.Value ?? Path.GetFileNameWithoutExtension(path),
            [.. xml.Descendants("ProjectReference").Where(r => (string?)r.Attribute("ReferenceOutputAssembly") != "false")
                .Select(r => Path.GetRelativePath(Root, Path.GetFullPath(Path.Combine(folder, (string)r.Attribute("Include")!))).Replace('\\', '/'))],
            [.. xml.Descendants("PackageReference").Select(r => (string)r.Attribute("Include")!)]);
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Microservices.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException("Microservices.sln is in no folder above this program.");
    }
}
