using System.Diagnostics;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Shop.Demo;

/// <summary>Shows the stories while they happen: on a terminal as a table that is drawn over and over, elsewhere as one line for every step.</summary>
internal sealed class Screen(IAnsiConsole console)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(150);

    private static readonly string[] BadWords = ["fail", "refus", "declin", "cancel", "time", "deadline"];

    private static readonly Dictionary<string, string> Words = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Submitted"] = "taken over",
        ["ReservingStock"] = "reserve stock",
        ["AuthorizingPayment"] = "authorize payment",
        ["Confirming"] = "confirm",
        ["Shipping"] = "ship",
        ["RecordingShipment"] = "note shipment",
        ["Completing"] = "complete",
        ["Failing"] = "call it failed",
        ["Cancelling"] = "call it cancelled",
        ["CapturingPayment"] = "capture payment",
        ["VoidingPayment"] = "void payment",
        ["RefundingPayment"] = "refund payment",
        ["ReleasingStock"] = "release stock",
    };

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Dictionary<int, int> _printedSteps = [];
    private readonly HashSet<int> _printedEnds = [];

    public void Say(string text = "") => console.WriteLine(text);

    public void Heading(string text) => console.MarkupLineInterpolated($"[bold]{text}[/]");

    public void Done(string text) => console.MarkupLineInterpolated($"  [green]✓[/] {text}");

    public void Verdict(bool good, string text)
    {
        Say();
        console.MarkupLine($" {Mark(good)} [bold]{text.EscapeMarkup()}[/]");
    }

    /// <summary>Until they are through, all of them.</summary>
    /// <param name="stories">Written by others meanwhile.</param>
    /// <param name="all">Ends with the last of them.</param>
    /// <param name="trouble">What they wait for beside their own steps, or null.</param>
    public async Task WatchAsync(IReadOnlyList<Story> stories, Task all, Func<string?> trouble)
    {
        if (!console.Profile.Capabilities.Interactive)
        {
            await LookAsync(() => PrintNews(stories));
            return;
        }

        await console.Live(Board(stories, trouble())).StartAsync(
            live => LookAsync(() => live.UpdateTarget(Board(stories, all.IsCompleted ? null : trouble()))));

        async Task LookAsync(Action show)
        {
            while (!all.IsCompleted)
            {
                show();
                await Task.WhenAny(all, Task.Delay(LookEvery));
            }
            show();
        }
    }

    /// <summary>What became of one order, with everything that left the system for it.</summary>
    public void Tell(Story story)
    {
        Say();
        console.MarkupLine($" {Mark(story.Problems.Count == 0)} [bold]{story.Number} {story.Plan.Title.EscapeMarkup()}[/]   {StatusOf(story)}   [dim]{Short(story.Took)}[/]");
        var rows = new Grid().AddColumn(new GridColumn().Padding(5, 0, 2, 0).NoWrap()).AddColumn();
        Row(
            "saga",
            story.Steps.Select(
                step => InWords(step.Name)
                    + (step.Outcome is { } outcome && Bad(outcome) && step.Name is not ("Failing" or "Cancelling") ? $" ({Spaced(outcome)})" : "")
                    + (step.Took is { } took ? $" {Short(took)}" : "")),
            " → ",
            "");
        Row("payment", story.Payments, ", ", "none was asked for");
        Row("mails", story.Mails.Order(StringComparer.Ordinal), ", ", "none");
        Row("webhooks", story.Webhooks.Select(webhook => webhook.Type).Order(StringComparer.Ordinal), ", ", "none");
        foreach (var problem in story.Problems)
        {
            rows.AddRow(new Text("✗", Color.Red), new Text(problem, Color.Red));
        }
        console.Write(rows);

        void Row(string name, IEnumerable<string> items, string between, string otherwise) =>
            rows.AddRow(
                new Text(name, new Style(decoration: Decoration.Dim)), new Text(string.Join(between, items) is { Length: > 0 } text ? text : otherwise));
    }

    private Rows Board(IReadOnlyList<Story> stories, string? trouble)
    {
        var frames = Spinner.Known.Dots.Frames;
        var spinner = frames[(int)(_clock.ElapsedMilliseconds / LookEvery.Milliseconds % frames.Count)];
        var table = new Table().Border(TableBorder.Rounded).Expand().AddColumns("", "order", "is", "its steps");
        table.Columns[0].NoWrap();
        table.Columns[1].NoWrap();
        foreach (var story in stories)
        {
            table.AddRow(
                story.Finished ? Mark(story.Problems.Count == 0) : $"[cyan]{spinner}[/]",
                $"[bold]{story.Number} {story.Plan.Title.EscapeMarkup()}[/]",
                StatusOf(story),
                Chain(story));
        }
        var left = string.Create(
            CultureInfo.InvariantCulture,
            $"{_clock.Elapsed.TotalSeconds:0.0} s   {stories.Sum(story => story.Mails.Count)} mails, {stories.Sum(story => story.Webhooks.Count)} webhooks have left");
        return new Rows(table, new Text(trouble is null ? left : $"{left}   waiting: {trouble}", new Style(decoration: Decoration.Dim)));
    }

    private static string Chain(Story story) => story.Steps.Count == 0
        ? $"[dim]{(story.OrderId is null ? "placing the order …" : "accepted")}[/]"
        : string.Join(" [dim]→[/] ", story.Steps.Select(step =>
            $"[{(step.Outcome is null ? "cyan" : Bad(step.Outcome) ? "yellow" : "green")}]{InWords(step.Name).EscapeMarkup()}[/] [dim]{(step.Took is { } took ? Short(took) : "…")}[/]"));

    private void PrintNews(IReadOnlyList<Story> stories)
    {
        foreach (var story in stories)
        {
            var ended = story.Steps.TakeWhile(step => step.Outcome is not null).ToList();
            for (var i = _printedSteps.GetValueOrDefault(story.Number); i < ended.Count; i++)
            {
                Line(story, $"{InWords(ended[i].Name)}: {Spaced(ended[i].Outcome!)}{(ended[i].Took is { } took ? $", {Short(took)}" : "")}");
            }
            _printedSteps[story.Number] = ended.Count;
            if (story.Finished && _printedEnds.Add(story.Number))
            {
                Line(story, $"{story.Status.ToUpperInvariant()}{(story.Reason.Length > 0 ? $" ({story.Reason})" : "")}");
            }
        }
    }

    private void Line(Story story, string text) =>
        Say(string.Create(CultureInfo.InvariantCulture, $"  {_clock.Elapsed.TotalSeconds,6:0.0} s  {story.Number} {story.Plan.Title,-32}{text}"));

    private static string Mark(bool good) => good ? "[green]✓[/]" : "[red]✗[/]";

    private static string StatusOf(Story story) =>
        $"[{story.Status switch { "completed" => "green", "failed" or "cancelled" => "yellow", _ => "cyan" }}]{story.Status.EscapeMarkup()}[/]{(story.Reason.Length > 0 ? $" [dim]({story.Reason.EscapeMarkup()})[/]" : "")}";

    private static string InWords(string step) => Words.TryGetValue(step, out var words) ? words : Spaced(step);

    private static bool Bad(string outcome) =>
        BadWords.Any(word => outcome.Contains(word, StringComparison.OrdinalIgnoreCase));

    private static string Short(TimeSpan span) => span.TotalSeconds < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s");

    /// <summary>"StockReserved" → "stock reserved"</summary>
    private static string Spaced(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsUpper(c) && text.Length > 0 && char.IsLetter(text[^1]))
            {
                text.Append(' ');
            }
            text.Append(c == '_' ? ' ' : char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}
