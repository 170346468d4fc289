using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>
/// What the services measure, as their sources declare it. An instrument of a meter that nobody exports is measured for nothing, one without a unit or a
/// description is read by nobody who has not written it, and one that no page names is looked for by nobody.
/// </summary>
public sealed partial class The_metrics
{
    private const string Page = "docs/operate/metrics.md";
    private const string Update = "UPDATE_METRICS";
    private const string Telemetry = "chassis/Web/Telemetry/ServiceTelemetry.cs";

    private static readonly IReadOnlyList<Instrument> Instruments = [.. DeclaredInstruments.In("chassis", "services")];

    public static TheoryData<string> Runbooks =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs/operate"), "*.md").Select(f => Path.GetRelativePath(Repository.Root, f).Replace('\\', '/'))
            .Where(f => f != Page),
    ];

    [Fact]
    public void Are_found()
    {
        Instruments.Count.ShouldBeGreaterThan(35);
        Instruments.Where(i => i.Problem is not null).Select(i => $"{i.Source}: {i.Problem}").ShouldBeEmpty("their names, units and labels are constants");
        Instruments.GroupBy(i => i.Name).Where(g => g.Count() > 1).Select(g => g.Key).ShouldBeEmpty("declared twice");
    }

    [Fact]
    public void Have_a_unit_and_a_description() =>
        Instruments.Where(i => string.IsNullOrEmpty(i.Unit) || string.IsNullOrEmpty(i.Description)).Select(i => $"{i.Source}: {i.Name}").ShouldBeEmpty();

    [Fact]
    public void Leave_by_meters_that_are_exported()
    {
        var exported = DeclaredInstruments.ExportedMeters(Telemetry);
        exported.Count.ShouldBeGreaterThan(1);
        Instruments.Where(i => !exported.Any(pattern => Matches(i, pattern))).Select(i => $"{i.Source}: {i.Name} of the meter {i.Meter}")
            .ShouldBeEmpty($"{Telemetry} exports {string.Join(", ", exported)}");
    }

    [Fact]
    public void Stand_on_their_page()
    {
        var page = Rendered();
        var file = Path.Combine(Repository.Root, Page);
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(file, page);
        }

        (File.Exists(file) ? File.ReadAllText(file) : "").ShouldBe(page, $"{Update}=1 writes {Page} anew; commit it.");
    }

    [Theory]
    [MemberData(nameof(Runbooks))]
    public void Are_called_by_their_names_in_the_runbooks(string runbook) =>
        Named().Matches(File.ReadAllText(Path.Combine(Repository.Root, runbook))).SelectMany(line => Names().Matches(line.Value)).Select(m => m.Groups[1].Value)
            .Except(Instruments.Select(i => i.Name)).ShouldBeEmpty($"{runbook}: no such instrument");

    private static bool Matches(Instrument instrument, string pattern) => pattern == DeclaredInstruments.OwnName
        ? instrument.Meter == instrument.Service
        : Regex.IsMatch(instrument.Meter, $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.IgnoreCase);

    private static string Rendered()
    {
        var page = new StringBuilder(
            $"""
            # Metrics

            Every instrument that the services declare themselves. A test writes this page from the sources and holds it (`{Update}=1 make test TESTS=Architecture` writes it anew).
            They leave over OTLP, from each replica, when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, and nowhere otherwise. What to watch, and what to do then: [runbooks](README.md).

            A meter must be called `Chassis.*`, `Shop.*`, or as its service: no other is exported (`{Telemetry}`).

            Of the libraries leave the instruments of [ASP.NET Core](https://learn.microsoft.com/aspnet/core/log-mon/metrics/built-in),
            [HttpClient](https://learn.microsoft.com/dotnet/core/diagnostics/built-in-metrics-system-net),
            [the runtime](https://learn.microsoft.com/dotnet/core/diagnostics/built-in-metrics-runtime) and [Npgsql](https://www.npgsql.org/doc/diagnostics/metrics.html).

            """);
        foreach (var owner in Instruments.GroupBy(i => i.Service ?? "").OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            page.Append(owner.Key.Length == 0 ? "\n## Every service that has the part\n" : "\n## " + owner.Key + "\n");
            foreach (var meter in owner.GroupBy(i => i.Meter).OrderBy(g => g.Key, StringComparer.Ordinal))
            {
                page.Append(CultureInfo.InvariantCulture, $"\nMeter `{meter.Key}`:\n\n| name | kind | unit | what | labels |\n| --- | --- | --- | --- | --- |\n");
                foreach (var i in meter.OrderBy(i => i.Name, StringComparer.Ordinal))
                {
                    page.Append(CultureInfo.InvariantCulture, $"| `{i.Name}` | {i.Kind} | {i.Unit} | {i.Description} | {string.Join(", ", i.Labels.Select(l => $"`{l}`"))} |\n");
                }
            }
        }

        return page.ToString();
    }

    [GeneratedRegex(@"^Metrics:.*$|^## What to watch[\s\S]*", RegexOptions.Multiline)]
    private static partial Regex Named();

    // A label is no name with dots.
    [GeneratedRegex(@"`([a-z_]+(?:\.[a-z_]+)+)`")]
    private static partial Regex Names();
}
