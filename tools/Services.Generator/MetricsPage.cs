using System.Globalization;
using System.Text;

namespace Services.Generator;

/// <summary>What the services measure, for those who watch them.</summary>
public static class MetricsPage
{
    public const string Path = "docs/operate/metrics.md";

    /// <summary>The page, made from the sources.</summary>
    /// <param name="root">Of the repository.</param>
    public static string Of(string root)
    {
        var page = new StringBuilder(
            $"""
            # Metrics

            Every instrument that the services declare themselves. `{Generated.Command}` writes this page from the sources.
            Each replica serves them to Prometheus at `/metrics` of the address in `Metrics__Url`, sends them over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, and without either makes none; `make observe` sets both. What to watch, and what to do then: [runbooks](README.md).

            A meter must be called `Chassis.*`, or as its service: no other is exported (`chassis/Web/Telemetry/ServiceTelemetry.cs`).

            Of the libraries leave the instruments of [ASP.NET Core](https://learn.microsoft.com/aspnet/core/log-mon/metrics/built-in),
            [HttpClient](https://learn.microsoft.com/dotnet/core/diagnostics/built-in-metrics-system-net),
            [the runtime](https://learn.microsoft.com/dotnet/core/diagnostics/built-in-metrics-runtime) and [Npgsql](https://www.npgsql.org/doc/diagnostics/metrics.html).

            Counters of the shop count what is committed, once, and start at 0 for every label that is known when the service starts. A gauge of which every
            replica says the same is read by `max`, not by `sum`.

            ## Labels

            | label | values | at most |
            | --- | --- | --- |

            """);
        foreach (var label in MetricLabels.All)
        {
            page.Append(CultureInfo.InvariantCulture, $"| `{label.Name}` | {label.Values} | {label.AtMost} |\n");
        }


        foreach (var owner in DeclaredInstruments.In(root).GroupBy(i => i.Service ?? "").OrderBy(g => g.Key, StringComparer.Ordinal))
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
}
