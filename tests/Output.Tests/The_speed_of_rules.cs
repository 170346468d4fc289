using Shop.Chaos.Alerts;

namespace Output.Tests;

/// <summary>Rules that are to fire within seconds of a run are those that fire within minutes, with their times divided and nothing else changed.</summary>
public sealed class The_speed_of_rules
{
    [Theory]
    [InlineData("for: 1m", "for: 2000ms")]
    [InlineData("        for: 2m   ", "        for: 4000ms   ")]
    [InlineData("interval: 15s", "interval: 1000ms")]
    [InlineData("keep_firing_for: 1h", "keep_firing_for: 120000ms")]
    [InlineData("rate(x[5m])", "rate(x[10000ms])")]
    [InlineData("rate(x[1h30m])", "rate(x[180000ms])")]
    [InlineData("max_over_time(rate(x[5m])[1h:1m])", "max_over_time(rate(x[10000ms])[120000ms:2000ms])")]
    [InlineData("x offset 5m > 3", "x offset 10000ms > 3")]
    [InlineData("rate(x[5m] offset 1d)", "rate(x[10000ms] offset 2880000ms)")]
    [InlineData("age > 300 # seconds", "age > 10 # seconds")]
    [InlineData("age{a=\"b\"} >= 45 # seconds", "age{a=\"b\"} >= 1.5 # seconds")]
    public void Divides_times(string written, string scaled) => RuleSpeed.Scale(written, 30).ShouldBe(scaled);

    [Theory]
    [InlineData("for: 5s")]
    [InlineData("rate(x[10s])")]
    [InlineData("age > 20 # seconds")]
    public void Goes_below_a_second_with_none(string written) =>
        RuleSpeed.Scale(written, 30).ShouldBe(written.Replace("5s", "1000ms", StringComparison.Ordinal)
            .Replace("10s", "1000ms", StringComparison.Ordinal).Replace("20", "1", StringComparison.Ordinal));

    [Theory]
    [InlineData("rate(x[500ms]) > 0", "rate(x[500ms]) > 0")]
    [InlineData("age > 0.5 # seconds", "age > 0.5 # seconds")]
    public void Makes_nothing_longer(string written, string scaled) => RuleSpeed.Scale(written, 30).ShouldBe(scaled);

    [Theory]
    [InlineData("max by (job) (messaging_outbox_parked) > 300")]
    [InlineData("histogram_quantile(0.99, x) > 1")]
    [InlineData("record: slo:errors:ratio5m")]
    [InlineData("expr: slo:errors:ratio5m > 14.4 * slo:budget:ratio and slo:errors:ratio1h > 0.5")]
    [InlineData("le=~\"30|30.0\"")]
    [InlineData("summary: \"{{ $value | humanizePercentage }} of the last 5 minutes\"")]
    [InlineData("# for a run of 5m # seconds")]
    public void Leaves_alone_what_is_no_time(string written) => RuleSpeed.Scale(written, 30).ShouldBe(written);

    [Fact]
    public void Changes_nothing_but_times_in_the_rules_that_there_are()
    {
        var files = Directory.GetFiles(Path.Combine(Shop.Cluster.ShopCluster.Root, "deploy/observability/rules"), "*.yml");
        files.Length.ShouldBeGreaterThan(4);
        foreach (var rules in files.Select(File.ReadAllText))
        {
            var scaled = RuleSpeed.Scale(rules, 60);
            scaled.ShouldNotBe(rules);
            Words(scaled).ShouldBe(Words(rules));
            scaled.ShouldNotMatch(@"(?m)^\s*for: \d+[smhd]$|\[\d+[smhd]\]");
        }

        static string[] Words(string text) =>
            [.. text.Split((char[])[' ', '\n', '[', ']'], StringSplitOptions.RemoveEmptyEntries).Where(w => !char.IsDigit(w[0]))];
    }

    [Fact]
    public void Is_never_slower() => Should.Throw<ArgumentOutOfRangeException>(() => RuleSpeed.Scale("for: 1m", 0.5));
}
