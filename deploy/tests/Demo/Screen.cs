using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Shop.Demo;

/// <summary>
/// Shows the stories while they happen: on a terminal as a block that is drawn over and over, elsewhere (a log, a pipe) as one line for
/// every step. Colour only adds to what the words say, and <c>NO_COLOR</c> switches it off.
/// </summary>
internal sealed class Screen
{
    private const string Up = "\e[1A", ClearLine = "\e[2K";
    private static readonly string[] Spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

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

    private readonly bool live = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
    private readonly bool colour;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Dictionary<int, int> printedSteps = [];
    private readonly HashSet<int> printedEnds = [];
    private int drawn;
    private int frame;

    public Screen() => colour = live && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";

    private static string InWords(string step) => Words.TryGetValue(step, out var words) ? words : Spaced(step);

    public void Say(string text = "") => Console.WriteLine(text);

    public void Heading(string text) => Console.WriteLine(Paint(text, "1"));

    public void Done(string text) => Console.WriteLine($"  {Paint("✓", "32")} {text}");

    public void Draw(IReadOnlyList<Story> stories, string? trouble)
    {
        if (live)
        {
            DrawBlock(stories, trouble);
        }
        else
        {
            PrintNews(stories);
        }
    }

    private void DrawBlock(IReadOnlyList<Story> stories, string? trouble)
    {
        var width = Math.Max(40, Console.WindowWidth - 1);
        var text = new StringBuilder();
        for (; drawn > 0; drawn--)
        {
            text.Append(Up).Append(ClearLine);
        }
        frame++;
        foreach (var story in stories)
        {
            var mark = !story.Finished ? Paint(Spinner[frame % Spinner.Length], "36") : story.Problems.Count == 0 ? Paint("✓", "32") : Paint("✗", "31");
            text.Append(' ').Append(mark).Append(' ').Append(Paint(Fit($"{story.Number} {story.Plan.Title}", 34), "1")).Append(StatusOf(story)).Append('\n');
            text.Append("     ").Append(Chain(story, width - 6)).Append('\n');
            drawn += 2;
        }
        var mails = stories.Sum(story => story.Mails.Count);
        var webhooks = stories.Sum(story => story.Webhooks.Count);
        text.Append(Paint(Fit($"   {clock.Elapsed.TotalSeconds,5:0.0} s   {mails} mails, {webhooks} webhooks have left" + (trouble is null ? "" : $"   waiting: {trouble}"), width), "2")).Append('\n');
        drawn++;
        Console.Write(text);
    }

    private string Chain(Story story, int width)
    {
        var chain = new StringBuilder();
        var used = 0;
        foreach (var step in story.Steps)
        {
            var (word, code) = (InWords(step.Name), step.Outcome is null ? "36" : Bad(step.Outcome) ? "33" : "32");
            var took = step.Took is { } t ? $" {Short(t)}" : " …";
            var length = word.Length + took.Length + (used == 0 ? 0 : 3);
            if (used + length > width)
            {
                break;
            }
            chain.Append(used == 0 ? "" : Paint(" → ", "2")).Append(Paint(word, code)).Append(Paint(took, "2"));
            used += length;
        }
        return used == 0 ? Paint(story.OrderId is null ? "placing the order …" : "accepted", "2") : chain.ToString();
    }

    private void PrintNews(IReadOnlyList<Story> stories)
    {
        foreach (var story in stories)
        {
            var ended = story.Steps.TakeWhile(step => step.Outcome is not null).ToList();
            for (var i = printedSteps.GetValueOrDefault(story.Number); i < ended.Count; i++)
            {
                Line(story, $"{InWords(ended[i].Name)}: {Spaced(ended[i].Outcome!)}{(ended[i].Took is { } took ? $", {Short(took)}" : "")}");
            }
            printedSteps[story.Number] = ended.Count;
            if (story.Finished && printedEnds.Add(story.Number))
            {
                Line(story, $"{story.Status.ToUpperInvariant()}{(story.Reason.Length > 0 ? $" ({story.Reason})" : "")}");
            }
        }
    }

    private void Line(Story story, string text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {clock.Elapsed.TotalSeconds,6:0.0} s  {story.Number} {Fit(story.Plan.Title, 32)}{text}"));

    /// <summary>What became of one order, with everything that left the system for it.</summary>
    public void Tell(Story story)
    {
        var good = story.Problems.Count == 0;
        Say();
        Say($" {(good ? Paint("✓", "32") : Paint("✗", "31"))} {Paint($"{story.Number} {story.Plan.Title}", "1")}   {StatusOf(story)}   {Paint(Short(story.Took), "2")}");
        Row("saga", string.Join(" → ", story.Steps.Select(step => InWords(step.Name) + (step.Outcome is { } outcome && Bad(outcome) && step.Name is not ("Failing" or "Cancelling") ? $" ({Spaced(outcome)})" : "") + (step.Took is { } took ? $" {Short(took)}" : ""))));
        Row("payment", story.Payments.Count == 0 ? "none was asked for" : string.Join(", ", story.Payments));
        Row("mails", story.Mails.Count == 0 ? "none" : string.Join(", ", story.Mails.Order(StringComparer.Ordinal)));
        Row("webhooks", story.Webhooks.Count == 0 ? "none" : string.Join(", ", story.Webhooks.Select(webhook => webhook.Type).Order(StringComparer.Ordinal)));
        foreach (var problem in story.Problems)
        {
            Say($"     {Paint("✗ " + problem, "31")}");
        }
    }

    private void Row(string name, string text) => Say($"     {Paint(Fit(name, 10), "2")}{text}");

    public void Verdict(bool good, string text) => Say($"{Environment.NewLine} {Paint(good ? "✓" : "✗", good ? "1;32" : "1;31")} {Paint(text, "1")}");

    private string StatusOf(Story story) =>
        story.Status.Length == 0 ? "" : Paint(story.Status, story.Status switch { "completed" => "32", "failed" or "cancelled" => "33", _ => "36" })
            + (story.Reason.Length > 0 ? Paint($" ({story.Reason})", "2") : "");

    private static bool Bad(string outcome) =>
        outcome.Contains("fail", StringComparison.OrdinalIgnoreCase) || outcome.Contains("refus", StringComparison.OrdinalIgnoreCase) || outcome.Contains("declin", StringComparison.OrdinalIgnoreCase)
        || outcome.Contains("cancel", StringComparison.OrdinalIgnoreCase) || outcome.Contains("time", StringComparison.OrdinalIgnoreCase)
        || outcome.Contains("deadline", StringComparison.OrdinalIgnoreCase);

    private static string Short(TimeSpan span) => span.TotalSeconds < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.0} s");

    private static string Fit(string text, int width) => text.Length > width ? text[..(width - 1)] + "…" : text.PadRight(width);

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

    private string Paint(string text, string code) => colour ? $"\e[{code}m{text}\e[0m" : text;
}
