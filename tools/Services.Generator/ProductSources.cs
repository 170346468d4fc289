using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Services.Generator;

/// <summary>The C# sources of what runs in a service.</summary>
internal static class ProductSources
{
    private static readonly string[] Product = ["chassis", "services"];
    private static readonly string[] Others = ["/tests/", "/journey/", "/obj/", "/bin/", "chassis/Testing/"];

    /// <param name="root">Of the repository.</param>
    /// <returns>Path below the root, and what is parsed of it, in the order of the paths.</returns>
    public static IEnumerable<(string Path, SyntaxNode Root)> In(string root) => Product
        .SelectMany(folder => Directory.GetFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories))
        .Select(f => (Path: Path.GetRelativePath(root, f).Replace('\\', '/'), File: f))
        .Where(f => !Others.Any(other => f.Path.Contains(other, StringComparison.Ordinal)))
        .OrderBy(f => f.Path, StringComparer.Ordinal)
        .Select(f => (f.Path, CSharpSyntaxTree.ParseText(File.ReadAllText(f.File)).GetRoot()));
}
