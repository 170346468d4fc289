using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>What is promised names the test that proves it, and a test that was renamed or deleted proves nothing.</summary>
public sealed partial class The_promises
{
    [Theory]
    [InlineData("docs/guarantees.md")]
    [InlineData("docs/threat-model.md")]
    [InlineData("docs/security.md")]
    public void Name_tests_that_are_there(string document)
    {
        var tests = Directory.EnumerateFiles(Repository.Root, "*.cs", SearchOption.AllDirectories)
            .Where(
                path => Path.GetRelativePath(Repository.Root, path).Contains("test", StringComparison.OrdinalIgnoreCase)
                    && !path.Contains("/obj/", StringComparison.Ordinal)
                    && !path.Contains("/.local/", StringComparison.Ordinal))
            .SelectMany(path => Declared().Matches(File.ReadAllText(path)).Select(m => m.Groups[1].Value)).ToHashSet();
        var named = Named().Matches(File.ReadAllText(Path.Combine(Repository.Root, document))).Select(m => m.Groups[1].Value).ToHashSet();

        named.Count.ShouldBeGreaterThan(20);
        named.Except(tests).ShouldBeEmpty();
    }

    [GeneratedRegex(@"(?:class|void|Task|Task<[^>]+>) ([A-Z][A-Za-z0-9_]*)")]
    private static partial Regex Declared();

    // A setting has two underscores in a row, a test has one.
    [GeneratedRegex("`(?:[A-Za-z]+\\.)?([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+)`")]
    private static partial Regex Named();
}
