using System.Globalization;
using System.Text;

namespace Services.Generator;

/// <summary>What the services log, for those who read it.</summary>
public static class LogEventsPage
{
    public const string Path = "docs/operate/log-events.md";

    /// <summary>The page, made from the sources.</summary>
    /// <param name="root">Of the repository.</param>
    public static string Of(string root, IReadOnlyList<Service> services)
    {
        var page = new StringBuilder(
            $$"""
            # Log events

            Every line that the services log themselves. `{{Generated.Command}}` writes this page from the sources. An id has one meaning in all services.

            | where | id | name | correlation | trace | data |
            | --- | --- | --- | --- | --- | --- |
            | a line (Development) | in brackets, after where it is logged | – | `correlation=` | `trace=`, unless it is the correlation id | in the message |
            | JSON (`Logging__Json=true`, the default elsewhere) | `event` | `name` | `correlationId` | `traceId`, `spanId` | `data`, by the names in braces; numbers as numbers |
            | OTLP (`OTEL_EXPORTER_OTLP_ENDPOINT`) | attribute `event.id` | the record's event name | attribute `correlation.id` | the record's ids | attributes, by the names in braces |

            No line holds a mail address, a name, a token or a password; users are told by their ids. What libraries log has ids of their own, which may be the same: tell them apart by the category.

            """);
        var events = LoggedEvents.In(root).ToLookup(e => e.Owner);
        foreach (var (owner, (first, last)) in LoggedEvents.Ranges(services))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {owner}: {first} to {last}\n\n");
            page.Append(events[owner].Any() ? "| id | level | name | message | where |\n| --- | --- | --- | --- | --- |\n" : "None.\n");
            foreach (var e in events[owner].OrderBy(e => e.Id))
            {
                page.Append(
                    CultureInfo.InvariantCulture,
                    $"| {e.Id} | {e.Level} | `{e.Name}` | {e.Message.Replace("|", "\\|", StringComparison.Ordinal)} | `{e.Type}` |\n");
            }
        }

        return page.ToString();
    }
}
