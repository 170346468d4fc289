using System.Globalization;
using System.Net;
using System.Text;

namespace Shop.Chaos.Report;

/// <summary>The report as one page without anything from elsewhere: the timeline as a picture, the invariants, the faults.</summary>
internal static class ReportPage
{
    private const int Label = 380;
    private const int Width = 820;
    private const int Row = 26;

    public static string Of(RunReport report)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $$"""
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chaos run, seed {{report.Seed}}</title>
            <style>
              body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1c2430; background: #fff }
              h1 { font-size: 1.5rem } h2 { font-size: 1.15rem } table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem }
              th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid #dfe4ea; vertical-align: top } .n { text-align: right; white-space: nowrap }
              .ok { color: #11713f; font-weight: 600 } .bad { color: #b3261e; font-weight: 600 }
              svg text { font: 12px system-ui, sans-serif; fill: #1c2430 } .scroll { overflow-x: auto }
            </style>
            <h1>Chaos run: {{report.Orders}} orders, {{report.Faults.Count}} faults, {{report.Duration.TotalSeconds:0}} s</h1>
            <p class="{{(report.Passed ? "ok" : "bad")}}">{{(report.Passed ? "Every invariant holds." : "An invariant is violated.")}}</p>
            <p>Again with <code>{{report.Settings.Again}}</code></p>

            """);
        AppendTimeline(page, report);
        AppendInvariants(page, report);
        AppendFaults(page, report);
        return page.Append("</html>\n").ToString();
    }

    private static void AppendTimeline(StringBuilder page, RunReport report)
    {
        var scale = Width / Math.Max(1, report.Duration.TotalSeconds);
        var height = ((report.Faults.Count + 1) * Row) + 8;
        page.Append(
            CultureInfo.InvariantCulture,
            $"""<h2>Timeline</h2><div class="scroll"><svg width="{Label + Width + 20}" height="{height}" role="img" aria-label="Faults over time">""");
        for (var second = 0; second <= report.Duration.TotalSeconds; second += 60)
        {
            var x = Label + (second * scale);
            page.Append(
                CultureInfo.InvariantCulture,
                $"""<line x1="{x:0}" x2="{x:0}" y1="18" y2="{height}" stroke="#dfe4ea"/><text x="{x + 2:0}" y="12">{second} s</text>""");
        }

        foreach (var (index, fault) in report.Faults.Index())
        {
            var y = (index + 1) * Row;
            var start = Label + (fault.Started.TotalSeconds * scale);
            var length = Math.Max(3, fault.Duration.TotalSeconds * scale);
            page.Append(CultureInfo.InvariantCulture, $"""<text x="0" y="{y + 13}">{Escape(Short($"{fault.Kind} · {fault.Target}"))}</text>""");
            page.Append(CultureInfo.InvariantCulture, $"""<rect x="{start:0.0}" y="{y + 2}" width="{length:0.0}" height="14" rx="2" fill="#c2410c"/>""");
            if (fault.Recovery is { } recovery)
            {
                page.Append(
                    CultureInfo.InvariantCulture,
                    $"""<rect x="{start + length:0.0}" y="{y + 6}" width="{Math.Max(1, recovery.TotalSeconds * scale):0.0}" height="6" fill="#f2b48c"/>""");
            }
        }

        page.Append("</svg></div><p>Dark: the fault. Light: until the orders under way were done.</p>\n");
    }

    private static void AppendInvariants(StringBuilder page, RunReport report)
    {
        page.Append("<h2>Invariants</h2><table><tr><th>invariant<th class=n>checked<th>result</tr>\n");
        foreach (var verdict in report.Verdicts)
        {
            var (style, result) = verdict.Violations.Count == 0
                ? ("ok", "holds")
                : ("bad", string.Create(
                    CultureInfo.InvariantCulture, $"{verdict.Violations.Count} violations: {string.Join("; ", verdict.Violations.Take(5))}"));
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(verdict.Name)}<td class=n>{verdict.Checked}<td class={style}>{Escape(result)}</tr>\n");
        }

        page.Append("</table>");
    }

    private static void AppendFaults(StringBuilder page, RunReport report)
    {
        page.Append("<h2>Faults</h2><table><tr><th>fault<th>target<th class=n>at<th class=n>for<th class=n>orders met<th class=n>recovered after</tr>\n");
        foreach (var fault in report.Faults)
        {
            var recovered = fault.Recovery is { } r ? string.Create(CultureInfo.InvariantCulture, $"{r.TotalSeconds:0.0} s") : "later";
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Escape(fault.Kind)}<td>{Escape(fault.Target)}<td class=n>{fault.Started.TotalSeconds:0.0} s");
            page.Append(
                CultureInfo.InvariantCulture, $"<td class=n>{fault.Duration.TotalSeconds:0.0} s<td class=n>{fault.Orders}<td class=n>{recovered}</tr>\n");
        }

        page.Append("</table>");
    }

    private static string Short(string text) => text.Length <= 58 ? text : text[..57] + "…";

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
