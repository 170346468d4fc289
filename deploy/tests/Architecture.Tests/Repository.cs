using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;

namespace Architecture.Tests;

/// <summary>A project of the repository, as its file says.</summary>
/// <param name="Name">File name without extension.</param>
/// <param name="Path">Path below the root, with slashes.</param>
/// <param name="Projects">Paths of the projects that it refers to and links.</param>
/// <param name="Packages">Packages that it names.</param>
public sealed record Project(string Name, string Path, IReadOnlyList<string> Projects, IReadOnlyList<string> Packages)
{
    public string Folder => Path[..Path.LastIndexOf('/')];

    public bool IsTest => Name.EndsWith(".Tests", StringComparison.Ordinal) || Path.Contains("/tests/", StringComparison.Ordinal) || Name == "Testing";

    /// <summary>The service that it belongs to, or null: <c>services/orders/Orders.Domain</c> belongs to <c>orders</c>.</summary>
    public string? Service => Path.Split('/') is ["services", not "shared" and var service, ..] ? service : null;

    public bool IsChassis => Path.StartsWith("services/shared/", StringComparison.Ordinal) && !IsTest;

    public override string ToString() => Path;
}

/// <summary>What the repository holds, read from its files and built assemblies.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<Project> Projects { get; } =
        [.. Directory.GetFiles(Root, "*.csproj", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith(".local/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(Read)];

    public static IEnumerable<Project> OfServices => Projects.Where(p => p.Service is not null && !p.IsTest);

    /// <summary>The C# files below a folder that somebody wrote.</summary>
    public static IEnumerable<(string Path, string[] Lines)> Sources(string folder) =>
        Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Select(f => (f, File.ReadAllLines(Path.Combine(Root, f))));

    /// <summary>Every type and every member of another assembly that this project's assembly mentions, as <c>Namespace.Type</c> and <c>Namespace.Type.Member</c>.</summary>
    public static IReadOnlySet<string> MentionsOf(Project project)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);   // …/bin/<configuration>/<framework>/
        using var file = File.OpenRead(Path.Combine(Root, project.Folder, "bin", output.Parent!.Name, output.Name, $"{project.Name}.dll"));
        using var assembly = new PEReader(file);
        var metadata = assembly.GetMetadataReader();
        var mentions = new HashSet<string>();
        foreach (var handle in metadata.TypeReferences)
        {
            mentions.Add(Name(metadata, handle));
        }

        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind == HandleKind.TypeReference)
            {
                mentions.Add($"{Name(metadata, (TypeReferenceHandle)member.Parent)}.{metadata.GetString(member.Name)}");
            }
        }

        return mentions;
    }

    private static string Name(MetadataReader metadata, TypeReferenceHandle handle)
    {
        var type = metadata.GetTypeReference(handle);
        var name = new StringBuilder(metadata.GetString(type.Namespace)).Append('.').Append(metadata.GetString(type.Name));
        return name.ToString();
    }

    private static Project Read(string path)
    {
        var xml = XDocument.Load(Path.Combine(Root, path));
        var folder = Path.GetDirectoryName(Path.Combine(Root, path))!;
        return new Project(
            Path.GetFileNameWithoutExtension(path),
            path,
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
