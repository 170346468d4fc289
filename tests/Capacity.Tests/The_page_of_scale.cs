using System.Globalization;
using System.Text.RegularExpressions;
using static Chassis.Testing.Repository;

namespace Shop.Capacity.Tests;

/// <summary>docs/scale.md says what the model says, and the model says what was measured.</summary>
public sealed partial class The_page_of_scale
{
    private static readonly string Data = File.ReadAllText(PathOf("docs/scale.json"));
    private static readonly Lazy<IReadOnlyList<(Load Measured, Outcome Predicted)>> Compared =
        new(() => Page.Compare(Measured.Read(Data), Measured.ShapeOf(Data)));

    [Fact]
    public void Tells_of_three_loads_within_a_fifth_of_the_99th_percentile()
    {
        Compared.Value.Count.ShouldBeGreaterThanOrEqualTo(3);
        Compared.Value.ShouldAllBe(c => Math.Abs((c.Predicted.P99 / c.Measured.P99) - 1) <= 0.2);
    }

    [Fact]
    public void Has_the_figures_of_the_model()
    {
        var page = File.ReadAllText(PathOf("docs/scale.md"));
        var filled = Page.Filled(page, Measured.Read(Data), Measured.ShapeOf(Data), Compared.Value);

        Number().Replace(page, "#").ShouldBe(Number().Replace(filled, "#"), "dotnet run --project tests/Capacity writes the tables");
        // The mathematics of another machine may differ in the last digit, and with it which event comes first.
        foreach (var (written, told) in Numbers(page).Zip(Numbers(filled)))
        {
            written.ShouldBe(told, Math.Max(Math.Abs(told) * 0.1, 1), "dotnet run --project tests/Capacity writes the tables");
        }
    }

    [Fact]
    public void A_load_that_the_machine_does_not_bear_is_said_to_be_too_much()
    {
        var measured = Measured.Read(Data);
        var demands = Demands.Of(measured.Loads);
        var bearable = 2 * 1000 / demands.Sum(d => d.Value.PerOrder);

        Run(0.4 * bearable).KeepsUp.ShouldBeTrue();
        Run(2 * bearable).KeepsUp.ShouldBeFalse();

        Outcome Run(double rate) => Network.Run(rate, 2_000, demands, Measured.ShapeOf(Data), Machines.One(Measured.Processors));
    }

    [Fact]
    public void A_report_that_lacks_a_figure_says_which()
    {
        var lacking = Data.Replace("-p99\"", "-p98\"", StringComparison.Ordinal);

        Should.Throw<FormatException>(() => Measured.Read(lacking)).Message.ShouldContain("p99");
    }

    private static IEnumerable<double> Numbers(string text) =>
        Number().Matches(text).Select(m => double.Parse(m.Value, NumberStyles.Any, CultureInfo.InvariantCulture));

    [GeneratedRegex("[0-9][0-9,]*(\\.[0-9]+)?")]
    private static partial Regex Number();
}
