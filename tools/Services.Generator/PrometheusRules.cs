using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Services.Generator;

/// <summary>A rule of Prometheus, as its file says: an alert, or a series that is recorded.</summary>
/// <param name="File">Its file below the folder of the rules.</param>
/// <param name="Alert">Name of the alert; null for a series.</param>
/// <param name="Record">Name of the series; null for an alert.</param>
/// <param name="Expression">PromQL, with its lines and comments.</param>
/// <param name="For">How long the expression has to hold, such as <c>1m</c>; empty where it need not.</param>
public sealed record PrometheusRule(
    string File, string? Alert, string? Record, string Expression, string For, IReadOnlyDictionary<string, string> Labels,
    IReadOnlyDictionary<string, string> Annotations)
{
    /// <summary>How urgent it is: <c>page</c> or <c>ticket</c>.</summary>
    public string Severity => Labels.GetValueOrDefault("severity", "");

    /// <summary>The page that says what to do, below the root of the repository.</summary>
    public string Runbook => Annotations.GetValueOrDefault("runbook", "");
}

/// <summary>Reads the rules of Prometheus.</summary>
public static class PrometheusRules
{
    public const string Folder = "deploy/observability/rules";

    /// <summary>Reads what is not said here by its own names; what nobody has said is an error.</summary>
    public static IDeserializer Yaml { get; } = new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).Build();

    /// <summary>Those of all files, in their order.</summary>
    /// <param name="root">Of the repository.</param>
    public static IReadOnlyList<PrometheusRule> In(string root) =>
    [
        .. from path in Directory.GetFiles(Path.Combine(root, Folder), "*.yml").Order(StringComparer.Ordinal)
           from part in Yaml.Deserialize<RuleFile>(File.ReadAllText(path)).Groups
           from rule in part.Rules
           select new PrometheusRule(Path.GetFileName(path), rule.Alert, rule.Record, rule.Expr, rule.For, rule.Labels, rule.Annotations),
    ];

    private sealed class RuleFile
    {
        public List<RuleGroup> Groups { get; init; } = [];
    }

    private sealed class RuleGroup
    {
        public string Name { get; init; } = "";

        public List<Rule> Rules { get; init; } = [];
    }

    private sealed class Rule
    {
        public string? Alert { get; init; }

        public string? Record { get; init; }

        public string Expr { get; init; } = "";

        public string For { get; init; } = "";

        public Dictionary<string, string> Labels { get; init; } = [];

        public Dictionary<string, string> Annotations { get; init; } = [];
    }
}
