using System.Globalization;
using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>What the documents send their readers to. A path that has moved, or a command that is no more, ends somebody's afternoon.</summary>
public sealed partial class The_documents
{
    public static TheoryData<string> Pages =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories).Select(
            f => Path.GetRelativePath(Repository.Root, f).Replace('\\', '/')),
        "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "chassis/README.md",
    ];

    // Files of their example, which is there only while tests/how-to.sh does what they say.
    private static readonly Lazy<HashSet<string>> MadeByHowTos =
        new(() => [.. Pages.Select(p => Read(p.Data)).SelectMany(text => Made().Matches(text)).Select(m => m.Groups[1].Value)]);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Name_files_that_are_there(string page) =>
        Paths()
            .Matches(Read(page))
            .Select(m => m.Groups[1].Value)
            .Distinct()
            .Where(path => !Exists(path) && !MadeByHowTos.Value.Contains(path))
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

    [Fact]
    public void Lead_along_an_orders_id_through_thirty_files_at_most()
    {
        var walk = Read("docs/architecture.md").Split("## The way of an order")[1].Split("\n## ")[0];
        var handled = Handled().Matches(walk).Select(m => m.Groups[1].Value).Distinct().ToList();
        handled.Count.ShouldBeInRange(20, 30);
        handled.Where(path => !NamesTheId().IsMatch(Read(path))).ShouldBeEmpty("set in bold, and handle no id");
        Carried().Matches(walk).Select(m => m.Groups[1].Value).Except(handled).Where(path => OrdersId().IsMatch(Read(path)))
            .ShouldBeEmpty("not set in bold, and handle the order's id");
    }

    public static TheoryData<string> Parts => [.. Sizes().Matches(Read("docs/what-you-maintain.md")).Select(m => m.Groups[1].Value)];

    [Theory]
    [MemberData(nameof(Parts))]
    public void Say_how_much_there_is_to_maintain(string part)
    {
        var row = Sizes().Matches(Read("docs/what-you-maintain.md")).Single(m => m.Groups[1].Value == part);
        var counted = Quoted().Matches(row.Groups[3].Value).Sum(m => LinesBelow(m.Groups[1].Value));
        int.Parse(row.Groups[2].Value, CultureInfo.InvariantCulture).ShouldBeInRange(counted - (counted / 10), counted + (counted / 10), $"{part}: {counted} lines");
    }

    // Of a folder of programs the sources, of one of scripts the scripts; of both, as in deploy, the scripts.
    private static int LinesBelow(string path) => File.Exists(Path.Combine(Repository.Root, path))
        ? Lines(Path.Combine(Repository.Root, path))
        : path == "deploy" ? Directory.GetFiles(Path.Combine(Repository.Root, path), "*.sh", SearchOption.AllDirectories).Sum(Lines)
        : Repository.Sources(path).Sum(s => s.Lines.Length);

    private static int Lines(string file) => File.ReadAllLines(file).Length;

    [Fact]
    public void Have_a_runbook_for_each_symptom_of_the_index()
    {
        var pages = Pages.Select(p => p.Data).Where(p => p.StartsWith("docs/operate/", StringComparison.Ordinal))
            .Except(["docs/operate/README.md", "docs/operate/alerts.md", "docs/operate/metrics.md", "docs/operate/log-events.md", "docs/operate/traces.md"]).ToList();
        pages.Count.ShouldBeGreaterThan(5);
        pages.Where(p => !Read("docs/operate/README.md").Split("## Before")[0].Contains($"({Path.GetFileName(p)})", StringComparison.Ordinal)).ShouldBeEmpty();
        pages.Where(p => !Headings().Matches(Read(p)).Select(m => m.Groups[1].Value).SequenceEqual(["Symptom", "Look", "Do", "Do not"])).ShouldBeEmpty();
        pages.Where(p => Read(p).Split('\n').Length > 61).ShouldBeEmpty("at night nobody reads more than a page");
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    private static bool Exists(string path) => Path.Exists(Path.Combine(Repository.Root, path));

    [GeneratedRegex("^## (.*)$", RegexOptions.Multiline)]
    private static partial Regex Headings();

    [GeneratedRegex(@"^\| ([^|]+) \| (\d+) \| ([^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex Sizes();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    // What stands for many (<name>, *, …) names none of them.
    [GeneratedRegex(@"`((?:\.ci|chassis|contracts|deploy|docs|services|tests)/[\w./-]*\w)/?(?::\d+)?`")]
    private static partial Regex Paths();

    [GeneratedRegex(@"^<!-- file: (\S+) -->$", RegexOptions.Multiline)]
    private static partial Regex Made();

    [GeneratedRegex(@"\*\*`([\w./-]+\.cs)`\*\*")]
    private static partial Regex Handled();

    // The numbered steps only: what stands before them names the records.
    [GeneratedRegex(@"(?<=\n(?:\d+\.|\*\*).*)`([\w./-]+\.cs)`")]
    private static partial Regex Carried();

    // In the chassis the order's id is the id of a stream, a saga's, or a message's key.
    [GeneratedRegex(@"\b([oO]rderId|[sS]treamId|[cC]orrelationId|[kK]ey|Guid id)\b")]
    private static partial Regex NamesTheId();

    [GeneratedRegex(@"\b([oO]rderId|[sS]treamId)\b")]
    private static partial Regex OrdersId();

    [GeneratedRegex(@"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"^([a-z-]+):", RegexOptions.Multiline)]
    private static partial Regex Targets();

    [GeneratedRegex(@"`(?:[A-Z_]+=\S+ )*make ((?!-)[a-z-]+)[^`]*`")]
    private static partial Regex Commands();
}
