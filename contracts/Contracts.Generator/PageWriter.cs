using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Contracts;

namespace Contracts.Generator;

/// <summary>The events as one page that needs nothing else: no script to be readable, no style sheet or font from elsewhere.</summary>
public sealed class PageWriter(SchemaWriter schemas)
{
    private static readonly JsonSerializerOptions Readable = new(ContractJson.Options) { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly (string Publisher, string Title)[] Groups =
    [
        ("orders", "Orders and payments"),
        ("inventory", "Products, stock and shipments"),
        ("users", "Users"),
        ("platform", "Every service"),
    ];

    public string Page()
    {
        var page = new StringBuilder();
        page.Append(Head);
        page.Append("<nav aria-label=\"Events\">\n");
        foreach (var (publisher, title) in Groups)
        {
            page.Append(CultureInfo.InvariantCulture, $"<h2>{title}</h2>\n<ul>\n");
            foreach (var descriptor in Of(publisher))
            {
                page.Append(CultureInfo.InvariantCulture, $"<li {Services(descriptor)}><a href=\"#{descriptor.Type}\">{Short(descriptor)}</a>{Badge(descriptor)}</li>\n");
            }

            page.Append("</ul>\n");
        }

        page.Append("<h2>Commands</h2>\n<ul>\n");
        foreach (var queue in Subscriptions.Commands)
        {
            page.Append(CultureInfo.InvariantCulture, $"<li data-services=\"{queue.Service} orders\"><a href=\"#{queue.Queue}\">{queue.Queue}</a></li>\n");
        }

        page.Append("</ul>\n</nav>\n<main>\n").Append(Introduction);
        foreach (var (publisher, title) in Groups)
        {
            page.Append(CultureInfo.InvariantCulture, $"<h2 class=\"group\">{title}</h2>\n");
            foreach (var descriptor in Of(publisher))
            {
                Event(page, descriptor);
            }
        }

        foreach (var queue in Subscriptions.Commands)
        {
            CommandQueue(page, queue);
        }

        return page.Append(Foot).ToString();
    }

    private static IEnumerable<BoundaryEventDescriptor> Of(string publisher) => BoundaryEvents.All.Where(e => e.Publisher == publisher);

    private void Event(StringBuilder page, BoundaryEventDescriptor descriptor)
    {
        var schema = schemas.Event(descriptor);
        var subscriptions = Subscriptions.All.Where(s => s.Covers(descriptor.Type)).ToList();
        page.Append(CultureInfo.InvariantCulture, $"<section id=\"{descriptor.Type}\" {Services(descriptor)}>\n<h3><a href=\"#{descriptor.Type}\">{descriptor.Type}</a>{Badge(descriptor)}</h3>\n");
        page.Append(CultureInfo.InvariantCulture, $"<p>{Text((string?)schema["description"])}</p>\n<dl>\n");
        page.Append(CultureInfo.InvariantCulture, $"<dt>published by</dt><dd>{string.Join(", ", AsyncApiWriter.PublishersOf(descriptor))}</dd>\n<dt>received by</dt><dd>");
        page.AppendJoin("<br>", subscriptions.Select(s => $"<code>{s.Queue}</code> {Text(s.Purpose)}"));
        page.Append(CultureInfo.InvariantCulture, $"</dd>\n<dt>subject</dt><dd><code>{Subject(descriptor)}</code></dd>\n</dl>\n");
        Table(page, schema);
        page.Append(CultureInfo.InvariantCulture, $"<details><summary>Example</summary><pre>{Text(JsonSerializer.Serialize(Examples.Of(descriptor), descriptor.ClrType, Readable))}</pre></details>\n</section>\n");
    }

    private void CommandQueue(StringBuilder page, CommandQueue queue)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h2 class=\"group\">Commands</h2>\n<section id=\"{queue.Queue}\" data-services=\"{queue.Service} orders\">\n<h3><a href=\"#{queue.Queue}\">{queue.Queue}</a></h3>\n");
        page.Append(CultureInfo.InvariantCulture, $"<p>The queue on which {queue.Service} takes commands from the fulfilment saga, in MassTransit's envelope. For the services themselves; partners use the HTTP interface.</p>\n");
        foreach (var command in queue.Commands)
        {
            var schema = schemas.Command(command);
            page.Append(CultureInfo.InvariantCulture, $"<h4>{command.Name}</h4>\n<p>{Text((string?)schema["description"])}</p>\n");
            Table(page, schema);
        }

        page.Append("</section>\n");
    }

    private static void Table(StringBuilder page, JsonObject schema)
    {
        page.Append("<table>\n<thead><tr><th>member</th><th>type</th><th>meaning</th></tr></thead>\n<tbody>\n");
        Rows(page, schema, "");
        page.Append("</tbody>\n</table>\n");
    }

    private static void Rows(StringBuilder page, JsonObject schema, string path)
    {
        var required = ((JsonArray)schema["required"]!).Select(n => (string)n!).ToHashSet();
        foreach (var (name, node) in (JsonObject)schema["properties"]!)
        {
            var member = (JsonObject)node!;
            var nested = (member["items"] ?? member) as JsonObject;
            page.Append(CultureInfo.InvariantCulture, $"<tr><td><span class=\"path\">{path}</span><code>{name}</code>{(required.Contains(name) ? "" : " <em>optional</em>")}</td><td>{Kind(member)}</td><td>{Text((string?)member["description"])}</td></tr>\n");
            if (nested?["properties"] is not null)
            {
                Rows(page, nested, path + name + (member["items"] is null ? "." : "[]."));
            }
        }
    }

    private static string Kind(JsonObject member)
    {
        var kind = (string)member["type"]! switch
        {
            "array" => "list" + (member["minItems"] is { } min ? $", at least {min}" : ""),
            "integer" => ((int)member["minimum"]!, (int)member["maximum"]!) switch
            {
                (int.MinValue, int.MaxValue) => "whole number",
                (var min, int.MaxValue) => $"whole number from {min}",
                var (min, max) => $"whole number {min} to {max}",
            },
            "string" when member["enum"] is JsonArray values => "one of " + string.Join(", ", values.Select(v => $"<code>{(string)v!}</code>")),
            "string" when member["format"] is { } format => (string)format! == "uuid" ? "UUID" : "time, RFC 3339",
            "string" when (string?)member["pattern"] == ContractShape.DecimalPattern => "decimal number as text",
            "string" when member["pattern"] is { } pattern => $"text <code>{Text((string)pattern!)}</code>",
            "string" when member["minLength"] is not null => "text, not empty",
            "string" => "text",
            var other => other,
        };
        return kind;
    }

    private static string Subject(BoundaryEventDescriptor descriptor) =>
        descriptor.Shape.Properties.First(p => p.Shape.Kind is ShapeKind.Uuid or ShapeKind.Text && IsSubject(descriptor, p)).Name;

    private static bool IsSubject(BoundaryEventDescriptor descriptor, ContractProperty property) =>
        descriptor.ClrType.GetCustomAttributes(typeof(BoundaryEventAttribute), false).Cast<BoundaryEventAttribute>().Single().Subject == property.ClrName;

    private static string Services(BoundaryEventDescriptor descriptor)
    {
        // The webhooks listen to everything; for the view of one service that says nothing.
        var services = AsyncApiWriter.PublishersOf(descriptor).Concat(Subscriptions.All.Where(s => !s.Events.Contains("*") && s.Covers(descriptor.Type)).Select(s => s.Service));
        return $"data-services=\"{string.Join(' ', services.Distinct().Order(StringComparer.Ordinal))}\"";
    }

    private static string Badge(BoundaryEventDescriptor descriptor) => descriptor.Deprecated ? " <span class=\"badge\">deprecated</span>" : "";

    private static string Short(BoundaryEventDescriptor descriptor) => descriptor.Type["shop.".Length..];

    private static string Text(string? text) => WebUtility.HtmlEncode(text ?? "");

    private const string Head =
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Boundary events</title>
        <style>
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6778; --line: #dfe3ea; --paper: #fff; --shade: #f5f7fa; --accent: #0b62c4; --warn: #9a5b00; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a3b5; --line: #2e3644; --paper: #14181f; --shade: #1c222c; --accent: #6db3ff; --warn: #e8b04c; } }
        * { box-sizing: border-box; }
        body { margin: 0; font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
        header { grid-column: 1 / -1; padding: .9rem 1.5rem; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: baseline; }
        header h1 { font-size: 1.15rem; margin: 0; }
        header p { margin: 0; color: var(--soft); }
        nav { padding: .5rem 1rem 2rem 1.5rem; border-right: 1px solid var(--line); position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; }
        nav h2 { font-size: .78rem; text-transform: uppercase; letter-spacing: .05em; color: var(--soft); margin: 1.2rem 0 .3rem; }
        nav ul { list-style: none; margin: 0; padding: 0; }
        nav li { padding: .1rem 0; }
        main { padding: .5rem 2rem 6rem; max-width: 64rem; }
        h2.group { margin: 2.6rem 0 0; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
        section { padding: 1.2rem 0 .4rem; }
        h3 { margin: 0; font-size: 1.1rem; }
        h3 a { color: inherit; }
        h4 { margin: 1.2rem 0 0; }
        p { margin: .35rem 0 .7rem; }
        a { color: var(--accent); text-decoration: none; }
        a:hover { text-decoration: underline; }
        code, pre, .path { font-family: ui-monospace, monospace; font-size: .87em; }
        .path { color: var(--soft); }
        dl { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .1rem 1rem; margin: 0 0 .9rem; }
        dt { color: var(--soft); }
        dd { margin: 0; }
        table { border-collapse: collapse; width: 100%; }
        th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem; }
        th, td { border-bottom: 1px solid var(--line); padding: .32rem .9rem .32rem 0; vertical-align: top; }
        td:first-child { white-space: nowrap; }
        em { color: var(--soft); font-size: .85em; }
        pre { background: var(--shade); padding: .9rem 1rem; border-radius: 6px; overflow-x: auto; }
        summary { cursor: pointer; color: var(--soft); margin: .6rem 0; }
        .badge { font-size: .72rem; color: var(--warn); border: 1px solid currentColor; border-radius: 4px; padding: 0 .35em; font-weight: 400; }
        .hint { background: var(--shade); border-radius: 6px; padding: .8rem 1rem; }
        .hint p { margin: 0 0 .5rem; }
        .hint p:last-child { margin: 0; }
        @media (max-width: 56rem) { body { display: block; } nav { position: static; max-height: none; border: 0; } main { padding: .5rem 1rem 4rem; } table { display: block; overflow-x: auto; } }
        </style>
        </head>
        <body>
        <header>
        <h1>Boundary events</h1>
        <p>What the services tell each other and the outside. Machine readable: <a href="asyncapi.yaml">asyncapi.yaml</a> (AsyncAPI 3.0).</p>
        <p id="view"></p>
        </header>

        """;

    private const string Introduction =
        """
        <section class="hint">
        <p>Bind a queue of your own to the fanout exchange of an event (its name is the event's type), or to the topic exchange <code>shop.events</code>, for example with <code>shop.order.#</code>.</p>
        <p>The body is plain JSON. The CloudEvents 1.0 attributes are AMQP headers, all of them strings: <code>cloudEvents_id</code>, <code>cloudEvents_type</code>, <code>cloudEvents_source</code>,
        <code>cloudEvents_time</code>, <code>cloudEvents_subject</code>, <code>cloudEvents_dataschema</code>, <code>cloudEvents_correlationid</code>, <code>cloudEvents_causationid</code>,
        <code>cloudEvents_sequence</code>, <code>cloudEvents_tenantid</code>, <code>cloudEvents_traceparent</code>.</p>
        <p>Delivery is at least once: recognise repeats by <code>cloudEvents_id</code>, order by <code>cloudEvents_sequence</code> within a subject. Ignore members that you do not know: within a version events grow by optional members only.</p>
        </section>

        """;

    private const string Foot =
        """
        </main>
        <script>
        const service = document.body.dataset.service;
        if (service) {
          const view = document.getElementById("view");
          const show = own => {
            for (const e of document.querySelectorAll("[data-services]")) e.hidden = own && !e.dataset.services.split(" ").includes(service);
            for (const h of document.querySelectorAll("nav h2")) h.hidden = h.nextElementSibling.querySelector("li:not([hidden])") === null;
            for (const h of document.querySelectorAll("h2.group")) {
              let e = h.nextElementSibling;
              while (e && e.hidden && !e.matches("h2.group")) e = e.nextElementSibling;
              h.hidden = !e || e.matches("h2.group, script");
            }
          };
          view.innerHTML = "Show <a href='#'>only what " + service + " publishes or receives</a> · <a href='#'>everything</a>";
          const [own, all] = view.querySelectorAll("a");
          own.onclick = () => { show(true); return false; };
          all.onclick = () => { show(false); return false; };
        }
        </script>
        </body>
        </html>

        """;
}
