using System.Text.Encodings.Web;
using System.Text.Json;

namespace Services.Generator.Dashboards;

/// <summary>A query of Prometheus, and how its lines are called.</summary>
/// <param name="Expression">In PromQL; <c>$__rate_interval</c> and <c>$__range</c> are Grafana's.</param>
/// <param name="Legend">With labels in double braces; empty where there is one line, which is called as its panel.</param>
public sealed record Query(string Expression, string Legend = "");

/// <summary>A picture of a dashboard.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Unit">Grafana's name of the unit: <c>s</c>, <c>reqps</c>, <c>short</c>, <c>percentunit</c>, <c>bytes</c>.</param>
/// <param name="Queries">What is drawn.</param>
public sealed record Panel(string Title, string Unit, params Query[] Queries)
{
    /// <summary><c>timeseries</c>, or <c>stat</c> for a number.</summary>
    public string Kind { get; init; } = "timeseries";

    /// <summary>Of the 24 columns.</summary>
    public int Width { get; init; } = 8;

    /// <summary>What it means, and what to look at next.</summary>
    public string Description { get; init; } = "";

    public static Panel Number(string title, string unit, string expression) => new(title, unit, new Query(expression)) { Kind = "stat", Width = 4 };
}

/// <summary>A dashboard of Grafana, as the JSON that it is provisioned with.</summary>
/// <param name="Name">Its file and its address: <c>order-flow</c>.</param>
/// <param name="Title">Over it.</param>
/// <param name="Panels">From left to right and from top to bottom.</param>
public sealed record Dashboard(string Name, string Title, params Panel[] Panels)
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    private static readonly string[] Tags = ["shop"];
    private static readonly string[] Last = ["lastNotNull"];

    public string ToJson() => JsonSerializer.Serialize(new
    {
        uid = Name,
        title = Title,
        tags = Tags,
        timezone = "browser",
        schemaVersion = 39,
        refresh = "15s",
        time = new { from = "now-30m", to = "now" },
        panels = Placed().Select((p, index) => new
        {
            id = index + 1,
            type = p.Panel.Kind,
            title = p.Panel.Title,
            description = p.Panel.Description,
            datasource = new { type = "prometheus", uid = "shop" },
            gridPos = new { x = p.X, y = p.Y, w = p.Panel.Width, h = Height(p.Panel) },
            fieldConfig = new { defaults = new { unit = p.Panel.Unit, min = 0 }, overrides = Array.Empty<object>() },
            options = p.Panel.Kind == "stat"
                ? (object)new { reduceOptions = new { calcs = Last }, colorMode = "value" }
                : new { tooltip = new { mode = "multi", sort = "desc" }, legend = new { displayMode = "list", placement = "bottom" } },
            targets = p.Panel.Queries.Select((q, number) => new { refId = ((char)('A' + number)).ToString(), expr = q.Expression, legendFormat = q.Legend }),
        }),
    }, Format) + "\n";

    private static int Height(Panel panel) => panel.Kind == "stat" ? 4 : 8;

    private IEnumerable<(Panel Panel, int X, int Y)> Placed()
    {
        var (x, y, row) = (0, 0, 0);
        foreach (var panel in Panels)
        {
            if (x + panel.Width > 24)
            {
                (x, y, row) = (0, y + row, 0);
            }

            yield return (panel, x, y);
            x += panel.Width;
            row = Math.Max(row, Height(panel));
        }
    }
}
