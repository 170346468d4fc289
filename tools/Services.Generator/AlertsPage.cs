using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Services.Generator;

/// <summary>The page of the alerts: its table follows from the rules and from the faults that prove them, the rest is written by hand.</summary>
public static partial class AlertsPage
{
    public const string Path = "docs/operate/alerts.md";

    private const string Trials = "tests/Chaos/Alerts/Trials.cs";
    private const string Begin = "<!-- alerts { -->";
    private const string End = "<!-- } -->";

    /// <summary>The page as it should be.</summary>
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

        var proofs = Faults(System.IO.Path.Combine(root, Trials));
        var rows = PrometheusRules.In(root).Where(rule => rule.Alert is not null).OrderBy(rule => rule.Severity, StringComparer.Ordinal).Select(
            rule => $"| `{rule.Alert}` | {rule.Severity} | `{OneLine(rule.Expression)}` | {rule.For} | [{Title(rule.Runbook)}]({System.IO.Path.GetFileName(rule.Runbook)}) "
                + $"| {string.Join("; ", proofs[rule.Alert!])} |\n");
        return $"""
            {page[..begin]}{Begin}
            | alert | urgency | when | for | page | proven by |
            | --- | --- | --- | --- | --- | --- |
            {string.Concat(rows)}{page[end..]}
            """;
    }

    /// <summary>What <c>make chaos ALERTS=1</c> does to have each alert fire.</summary>
    private static ILookup<string, string> Faults(string trials) =>
        (from trial in CSharpSyntaxTree.ParseText(File.ReadAllText(trials)).GetRoot().DescendantNodes().OfType<ImplicitObjectCreationExpressionSyntax>()
         where trial.ArgumentList.Arguments.Count == 3
         let fault = trial.ArgumentList.Arguments[0].Expression as LiteralExpressionSyntax
         from alert in (trial.ArgumentList.Arguments[1].Expression as CollectionExpressionSyntax)?.Elements.OfType<ExpressionElementSyntax>() ?? []
         select (Fault: fault!.Token.ValueText, Alert: ((LiteralExpressionSyntax)alert.Expression).Token.ValueText.Split('/')[0]))
        .Distinct().ToLookup(p => p.Alert, p => p.Fault);

    private static string Title(string runbook) => System.IO.Path.GetFileNameWithoutExtension(runbook).Replace('-', ' ');

    // A bar would end the cell, in code as well.
    private static string OneLine(string expression) =>
        Blanks().Replace(Comments().Replace(expression, ""), " ").Trim().Replace("{ ", "{", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal);

    [GeneratedRegex(@"# seconds\s*$", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
