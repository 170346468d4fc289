using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>What the documents send their readers to. A path that has moved, or a command that is no more, ends somebody's afternoon.</summary>
public sealed partial class The_documents
{
    public static TheoryData<string> Pages =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories).Select(
            f => Path.GetRelativePath(Repository.Root, f).Replace('\\', '/')),
        "README.md", "SECURITY.md", "chassis/README.md",
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Name_files_that_are_there(string page) =>
        Paths()
            .Matches(Read(page))
            .Select(m => m.Groups[1].Value)
            .Distinct()
            .Where(path => !Exists(path))
            .ShouldBeEmpty($"{page}: from the root of the repository");

    [Theory]
    [MemberData(nameof(Pages))]
    public void Link_to_what_is_there(string page) =>
        Links().Matches(Read(page)).Select(m => m.Groups[1].Value).Distinct()
            .Where(link => !Exists(Path.Combine(Path.GetDirectoryName(page)!, link))).ShouldBeEmpty($"{page}: relative to the page");

    [Theory]
    [MemberData(nameof(Pages))]
    public void Name_commands_that_are_there(string page)
    {
        var targets = Targets().Matches(Read("Makefile")).Select(m => m.Groups[1].Value).ToHashSet();
        targets.ShouldContain("test");
        Commands()
            .Matches(Read(page))
            .Select(m => m.Groups[1].Value)
            .Distinct()
            .Where(command => !targets.Contains(command))
            .ShouldBeEmpty($"{page}: targets of the Makefile");
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    private static bool Exists(string path) => Path.Exists(Path.Combine(Repository.Root, path));

    // What stands for many (<name>, *, …) names none of them.
    [GeneratedRegex(@"`((?:\.ci|chassis|contracts|deploy|docs|services|tests)/[\w./-]*\w)/?(?::\d+)?`")]
    private static partial Regex Paths();

    [GeneratedRegex(@"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"^([a-z-]+):", RegexOptions.Multiline)]
    private static partial Regex Targets();

    [GeneratedRegex(@"`(?:[A-Z_]+=\S+ )*make ((?!-)[a-z-]+)[^`]*`")]
    private static partial Regex Commands();
}
