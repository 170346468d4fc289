using System.Globalization;
using System.Text.Json.Nodes;
using Chassis.Testing;

namespace Shop.Observability;

/// <summary>One look at a Prometheus that scrapes the system.</summary>
internal sealed class Look(HttpClient prometheus)
{
    public int Targets { get; private set; }

    public int Rules { get; private set; }

    public int Queries { get; private set; }

    /// <returns>What is not as it should be, a line each.</returns>
    public async Task<IReadOnlyList<string>> FindingsAsync()
    {
        try
        {
            return [.. await TargetsAsync(), .. await RulesAsync(), .. await QueriesAsync()];
        }
        catch (HttpRequestException e)
        {
            return [$"Prometheus does not answer: {e.Message}"];
        }
    }

    private async Task<IEnumerable<string>> TargetsAsync()
    {
        var targets = (await AskAsync("targets?state=active"))["activeTargets"]!.AsArray();
        Targets = targets.Count;
        return Targets == 0
            ? ["There is no target."]
            : targets.Where(t => (string?)t!["health"] != "up").Select(t => $"target {t!["scrapeUrl"]} is {t["health"]}: {t["lastError"]}");
    }

    private async Task<IEnumerable<string>> RulesAsync()
    {
        var rules = (await AskAsync("rules"))["groups"]!.AsArray().SelectMany(g => g!["rules"]!.AsArray()).ToList();
        Rules = rules.Count;
        return Rules == 0 ? ["There is no rule."] : [
            .. rules.Where(r => (string?)r!["health"] != "ok").Select(r => $"rule {r!["name"]} is {r["health"]}: {r["lastError"]}"),
            .. rules.Where(r => (string?)r!["state"] == "firing").Select(r => $"alert {r!["name"]} fires: {r["alerts"]!.ToJsonString()}")];
    }

    private async Task<IEnumerable<string>> QueriesAsync()
    {
        var findings = new List<string>();
        Queries = 0;
        foreach (var file in Directory.GetFiles(Repository.PathOf("deploy/observability/dashboards"), "*.json").Order())
        {
            var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
            foreach (var (panel, target) in dashboard["panels"]!.AsArray().SelectMany(p => p!["targets"]!.AsArray().Select(t => (p!, t!))))
            {
                Queries++;
                var expression = ((string)target["expr"]!).Replace("$__rate_interval", "10m", StringComparison.Ordinal).Replace("$__range", "30m", StringComparison.Ordinal);
                var series = (await AskAsync($"query?query={Uri.EscapeDataString(expression)}"))["result"]!.AsArray();
                if (!series.Any(s => double.IsFinite(double.Parse((string)s!["value"]![1]!, CultureInfo.InvariantCulture))))
                {
                    findings.Add($"{dashboard["title"]}, {panel["title"]}: no data for {target["expr"]}");
                }
            }
        }

        return findings;
    }

    private async Task<JsonNode> AskAsync(string what)
    {
        using var response = await prometheus.GetAsync(new Uri($"/api/v1/{what}", UriKind.Relative));
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        return (string?)answer["status"] == "success" ? answer["data"]! : throw new InvalidOperationException($"{what}: {answer["error"]}");
    }
}
