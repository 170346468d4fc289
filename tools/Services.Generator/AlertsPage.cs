using System.Text.RegularExpressions;

namespace Services.Generator;

/// <summary>The page of the alerts: its table follows from the rules, the rest is written by hand.</summary>
public static partial class AlertsPage
{
    public const string Path = "docs/operate/alerts.md";

    private const string Begin = "<!-- alerts { -->";
    private const string End = "<!-- } -->";

    /// <summary>The page as it should be. The last column of its table, the fault that proves the alert, stays as it is.</summary>
    /// <param name="root">Of the repository.</param>
    /// <exception cref="InvalidDataException">The page has no place for the table.</exception>
    public static string Of(string root)
    {
        var page = File.ReadAllText(System.IO.Path.Combine(root, Path)).ReplaceLineEndings("\n");
        var (begin, end) = (page.IndexOf(Begin, StringComparison.Ordinal), page.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin)
        {
            throw new InvalidDataException($"{Path} has no place for the alerts: {Begin}, and {End} below it.");
        }

        var proofs = Rows().Matches(page[begin..end]).ToDictionary(row => row.Groups[1].Value, row => row.Groups[2].Value);
        var rows = PrometheusRules.In(root).Where(rule => rule.Alert is not null).OrderBy(rule => rule.Severity, StringComparer.Ordinal).Select(
            rule => $"| `{rule.Alert}` | {rule.Severity} | `{OneLine(rule.Expression)}` | {rule.For} | [{Title(rule.Runbook)}]({System.IO.Path.GetFileName(rule.Runbook)}) "
                + $"| {proofs.GetValueOrDefault(rule.Alert!, "")} |\n");
        return $"""
            {page[..begin]}{Begin}
            | alert | urgency | when | for | page | proven by |
            | --- | --- | --- | --- | --- | --- |
            {string.Concat(rows)}{page[end..]}
            """;
    }

    private static string Title(string runbook) => System.IO.Path.GetFileNameWithoutExtension(runbook).Replace('-', ' ');

    // A bar would end the cell, in code as well.
    private static string OneLine(string expression) =>
        Blanks().Replace(Comments().Replace(expression, ""), " ").Trim().Replace("{ ", "{", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    [GeneratedRegex(@"^\| `(\w+)` \|.*\| ([^|]*) \|$", RegexOptions.Multiline)]
    private static partial Regex Rows();

    [GeneratedRegex(@"# seconds\s*$", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
