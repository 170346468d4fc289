using System.Text.RegularExpressions;
using Services.Generator;

namespace Architecture.Tests;

/// <summary>
/// What the services measure, as their sources declare it. An instrument of a meter that nobody exports is measured for nothing, one without a unit or a
/// description is read by nobody who has not written it, and one that no page names is looked for by nobody.
/// </summary>
public sealed partial class The_metrics
{
    private const string Telemetry = "chassis/Web/Telemetry/ServiceTelemetry.cs";

    private static readonly IReadOnlyList<Instrument> Instruments = [.. DeclaredInstruments.In(Repository.Root)];

    public static TheoryData<string> Runbooks =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs/operate"), "*.md").Select(f => Path.GetRelativePath(Repository.Root, f).Replace('\\', '/'))
            .Where(f => f is not (MetricsPage.Path or LogEventsPage.Path)),
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
    public void Have_labels_that_are_bounded()
    {
        var bounded = MetricLabels.All.Select(l => l.Name).ToList();
        Instruments.SelectMany(i => i.Labels, (i, label) => (i, label)).Where(use => !bounded.Contains(use.label))
            .Select(use => $"{use.i.Source}: {use.i.Name} has {use.label}")
            .ShouldBeEmpty($"{nameof(MetricLabels)} says what a label can be, and how many there are");
        bounded.Except(Instruments.SelectMany(i => i.Labels)).ShouldBeEmpty("no instrument has such a label");
        Instruments.Count(i => i.Labels.Count > 0).ShouldBeGreaterThan(25);
    }

    /// <summary>Those that a collector takes by itself are made for milliseconds: everything that takes less than 5 s would be one bucket.</summary>
    [Fact]
    public void Have_buckets_that_fit_when_they_are_histograms()
    {
        var histograms = Instruments.Where(i => i.Kind == "histogram").ToList();
        histograms.Count.ShouldBeGreaterThan(10);
        histograms.Where(i => !i.HasBuckets).Select(i => $"{i.Source}: {i.Name}").ShouldBeEmpty("advice: Buckets.Waits");
    }

    [Fact]
    public void Leave_by_meters_that_are_exported()
    {
        var exported = DeclaredInstruments.ExportedMeters(Path.Combine(Repository.Root, Telemetry));
        exported.Count.ShouldBeGreaterThan(1);
        Instruments.Where(i => !exported.Any(pattern => Matches(i, pattern))).Select(i => $"{i.Source}: {i.Name} of the meter {i.Meter}")
            .ShouldBeEmpty($"{Telemetry} exports {string.Join(", ", exported)}");
    }

    [Theory]
    [MemberData(nameof(Runbooks))]
    public void Are_called_by_their_names_in_the_runbooks(string runbook) =>
        Named().Matches(File.ReadAllText(Path.Combine(Repository.Root, runbook))).SelectMany(line => Names().Matches(line.Value)).Select(m => m.Groups[1].Value)
            .Except(Instruments.Select(i => i.Name)).ShouldBeEmpty($"{runbook}: no such instrument");

    private static bool Matches(Instrument instrument, string pattern) => pattern == DeclaredInstruments.OwnName
        ? instrument.Meter == instrument.Service
        : Regex.IsMatch(instrument.Meter, $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.IgnoreCase);

    [GeneratedRegex(@"^Metrics:.*$|^## What to watch[\s\S]*", RegexOptions.Multiline)]
    private static partial Regex Named();

    // A label is no name with dots.
    [GeneratedRegex(@"`([a-z_]+(?:\.[a-z_]+)+)`")]
    private static partial Regex Names();
}
