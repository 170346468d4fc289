using System.Text.RegularExpressions;
using Services.Generator;

namespace Architecture.Tests;

/// <summary>
/// The rules of Prometheus. promtool says whether they parse and pass their tests (<c>tests/rules.sh</c>); here is what it does not ask: whether each has a
/// test, asks for something that is measured, and leads to a page.
/// </summary>
public sealed partial class The_alerts
{
    private static readonly IReadOnlyList<PrometheusRule> Rules = PrometheusRules.In(Repository.Root);

    private static readonly IReadOnlyList<PrometheusRule> Alerts = [.. Rules.Where(r => r.Alert is not null)];

    private static readonly IReadOnlyList<TestFile> Tests =
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, PrometheusRules.Folder, "tests"), "*.yml")
            .Select(f => PrometheusRules.Yaml.Deserialize<TestFile>(File.ReadAllText(f))),
    ];

    /// <summary>What others measure, with the labels of each: Prometheus itself, .NET, Npgsql, RabbitMQ and the exporter of PostgreSQL.</summary>
    private static readonly Dictionary<string, string[]> Foreign = new()
    {
        ["up"] = [],
        ["http_server_request_duration_seconds_bucket"] = ["http_route", "http_request_method", "http_response_status_code", "error_type", "le"],
        ["http_server_request_duration_seconds_count"] = ["http_route", "http_request_method", "http_response_status_code", "error_type"],
        ["dotnet_process_cpu_time_seconds_total"] = ["cpu_mode"],
        ["db_client_connection_npgsql_pending_requests"] = ["db_client_connection_pool_name"],
        ["rabbitmq_alarms_memory_used_watermark"] = [],
        ["rabbitmq_alarms_free_disk_space_watermark"] = [],
        ["rabbitmq_detailed_queue_messages_ready"] = ["vhost", "queue"],
        ["pg_up"] = [],
        ["pg_stat_activity_count"] = ["datname", "state"],
        ["pg_stat_activity_max_tx_duration"] = ["datname", "state"],
        ["pg_settings_max_connections"] = [],
    };

    private static readonly Dictionary<string, string[]> Measured = DeclaredInstruments.In(Repository.Root).SelectMany(Series).Concat(Foreign)
        .ToDictionary(s => s.Key, s => s.Value);

    public static TheoryData<string> AlertNames => [.. Alerts.Select(a => a.Alert!)];

    public static TheoryData<string> Expressions => [.. Rules.Select(r => r.Expression).Distinct()];

    [Fact]
    public void Are_found()
    {
        Alerts.Count.ShouldBeGreaterThan(25);
        Alerts.GroupBy(a => a.Alert).Where(g => g.Count() > 1).Select(g => g.Key).ShouldBeEmpty("two of one name are one to whoever hears of it");
        Rules.Count(r => r.Record is not null).ShouldBeGreaterThan(15);
    }

    [Theory]
    [MemberData(nameof(AlertNames))]
    public void Fire_and_are_silent_in_a_test(string alert)
    {
        var expected = Tests.Where(t => t.RuleFiles.Contains("../" + Alerts.Single(a => a.Alert == alert).File)).SelectMany(f => f.Tests)
            .SelectMany(t => t.AlertRuleTest).Where(t => t.Alertname == alert).ToList();
        expected.ShouldContain(t => t.ExpAlerts.Count > 0, $"no test under {PrometheusRules.Folder}/tests in which {alert} fires");
        expected.ShouldContain(t => t.ExpAlerts.Count == 0, $"no test under {PrometheusRules.Folder}/tests in which {alert} is silent");
    }

    [Fact]
    public void Stand_on_series_whose_values_are_tested()
    {
        var asked = Tests.SelectMany(f => f.Tests).SelectMany(t => t.PromqlExprTest).Where(t => t.ExpSamples.Count > 0)
            .Select(t => string.Join(' ', t.ExpSamples.Select(s => s.Labels).Prepend(t.Expr))).ToList();
        Rules.Where(r => r.Record is not null && !asked.Any(a =>
                Regex.IsMatch(a, $@"\b{Regex.Escape(r.Record)}\b") && a.Contains(r.Labels.GetValueOrDefault("slo", ""), StringComparison.Ordinal)))
            .Select(r => $"{r.Record} {string.Join(',', r.Labels.Values)}").ShouldBeEmpty($"no value of it is expected under {PrometheusRules.Folder}/tests");
    }

    [Theory]
    [MemberData(nameof(AlertNames))]
    public void Say_what_it_is_how_urgent_and_where_to_read_on(string alert)
    {
        var rule = Alerts.Single(a => a.Alert == alert);
        rule.Severity.ShouldBeOneOf("page", "ticket");
        rule.Annotations.Keys.ShouldBe(["summary", "description", "runbook"], ignoreOrder: true);
        rule.Annotations["summary"].ShouldContain("{{", customMessage: "which, or how much");
        rule.Annotations["description"].ShouldEndWith(".");
        rule.Runbook.ShouldStartWith("docs/operate/");
        File.Exists(Path.Combine(Repository.Root, rule.Runbook)).ShouldBeTrue($"{rule.Runbook} is not there");
    }

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Ask_for_what_is_measured(string expression)
    {
        var recorded = Rules.Select(r => r.Record).Where(r => r is not null).ToHashSet();
        var named = NamedIn(expression).ToList();
        (named.Count > 0 || expression.StartsWith("vector(", StringComparison.Ordinal)).ShouldBeTrue("it asks for nothing");
        named.Where(name => !Measured.ContainsKey(name) && !recorded.Contains(name)).ShouldBeEmpty(
            $"declared by no service, and no metric of others that is listed here: {expression}");
    }

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Choose_by_labels_that_there_are(string expression) =>
        Selectors().Matches(expression).SelectMany(
                s => Matchers().Matches(s.Groups[2].Value).Select(m => (Name: s.Groups[1].Value, Label: m.Groups[1].Value)))
            .Where(m => m.Label is not ("job" or "instance") && Measured.TryGetValue(m.Name, out var labels) && !labels.Contains(m.Label))
            .ShouldBeEmpty($"a label that the metric has not matches nothing, or everything: {expression}");

    [Theory]
    [MemberData(nameof(Expressions))]
    public void Mark_the_times_that_they_compare_with(string expression) =>
        Ages().Matches(expression).Select(m => m.Value).Where(line => !line.EndsWith("# seconds", StringComparison.Ordinal))
            .ShouldBeEmpty("a run that is to see it sooner would not know that this number is a time (RuleSpeed)");

    [Fact]
    public void Keep_quiet_about_what_follows_from_others_by_their_names()
    {
        var named = NamesOfAlerts().Matches(File.ReadAllText(Path.Combine(Repository.Root, "deploy/observability/alertmanager.yml")))
            .SelectMany(m => m.Groups[1].Value.Split('|')).Distinct().ToList();
        named.Count.ShouldBeGreaterThan(10);
        named.Except(Alerts.Select(a => a.Alert!)).ShouldBeEmpty("no such alert");
    }

    // The text of a string, the labels, the windows and the words of the language are no metrics.
    private static IEnumerable<string> NamedIn(string expression) =>
        Names().Matches(NoMetrics().Replace(expression, " ")).Select(m => m.Value).Except(["and", "or", "unless", "bool", "offset"]).Distinct();

    private static IEnumerable<KeyValuePair<string, string[]>> Series(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_');
        name += instrument.Unit switch
        {
            "s" when !name.EndsWith("_seconds", StringComparison.Ordinal) => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        string[] labels = [.. instrument.Labels.Select(l => l.Replace('.', '_'))];
        return instrument.Kind switch
        {
            "counter" => [new(name + "_total", labels)],
            "histogram" => [new(name + "_bucket", [.. labels, "le"]), new(name + "_count", labels), new(name + "_sum", labels)],
            _ => [new(name, labels)],
        };
    }

    [GeneratedRegex("""\{[^}]*\}|"[^"]*"|\[[^\]]*\]|#[^\n]*|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)|\b[a-z_0-9]+(?=\s*\(|\s+(?:by|without)\b)""")]
    private static partial Regex NoMetrics();

    [GeneratedRegex("[a-zA-Z_][a-zA-Z_0-9:]*")]
    private static partial Regex Names();

    [GeneratedRegex(@"([a-zA-Z_][a-zA-Z_0-9:]*)\{([^}]*)\}")]
    private static partial Regex Selectors();

    [GeneratedRegex(@"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""")]
    private static partial Regex Matchers();

    [GeneratedRegex(@"(?:_age_seconds|_duration)\b[^\n]*[<>]=?[ ]*[0-9][^\n]*")]
    private static partial Regex Ages();

    [GeneratedRegex("alertname(?:=~|!=|=)\"([^\"]+)\"")]
    private static partial Regex NamesOfAlerts();

    private sealed class TestFile
    {
        public List<string> RuleFiles { get; init; } = [];

        public string EvaluationInterval { get; init; } = "";

        public List<RuleTest> Tests { get; init; } = [];
    }

    private sealed class RuleTest
    {
        public string Name { get; init; } = "";

        public string Interval { get; init; } = "";

        public List<Dictionary<string, string>> InputSeries { get; init; } = [];

        public List<AlertTest> AlertRuleTest { get; init; } = [];

        public List<SeriesTest> PromqlExprTest { get; init; } = [];
    }

    private sealed class AlertTest
    {
        public string EvalTime { get; init; } = "";

        public string Alertname { get; init; } = "";

        public List<Dictionary<string, Dictionary<string, string>>> ExpAlerts { get; init; } = [];
    }

    private sealed class SeriesTest
    {
        public string EvalTime { get; init; } = "";

        public string Expr { get; init; } = "";

        public List<Sample> ExpSamples { get; init; } = [];
    }

    private sealed class Sample
    {
        public string Labels { get; init; } = "";

        public string Value { get; init; } = "";
    }
}
