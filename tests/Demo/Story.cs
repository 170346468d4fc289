using System.Text.Json.Nodes;

namespace Shop.Demo;

/// <summary>One order of the demo: what is bought, how it is paid, and what must become of it.</summary>
internal sealed record Plan(
    string Title, string Sku, int Quantity, string PaymentMethod, string Ends, string ReasonStartsWith, string[] Mails, string[] PaymentEnds)
{
    /// <summary>Cancel as soon as the saga stands at this step.</summary>
    public string? CancelAt { get; init; }
}

/// <param name="Outcome">Null while the saga waits for it.</param>
internal sealed record Step(string Name, string? Outcome, TimeSpan? Took, int Attempt);

/// <summary>A plan and how far it has come. Written by its own task, read by the screen.</summary>
internal sealed class Story(int number, Plan plan)
{
    public int Number { get; } = number;

    public Plan Plan { get; } = plan;

    public string? OrderId { get; set; }

    public string Status { get; set; } = "";

    public string Reason { get; set; } = "";

    public IReadOnlyList<Step> Steps { get; set; } = [];

    public IReadOnlyList<string> Mails { get; set; } = [];

    public IReadOnlyList<string> Payments { get; set; } = [];

    public IReadOnlyList<Webhook> Webhooks { get; set; } = [];

    public TimeSpan Took { get; set; }

    public bool Cancelled { get; set; }

    public bool Finished { get; set; }

    /// <summary>What did not end as it should; empty is success.</summary>
    public List<string> Problems { get; } = [];

    public static IReadOnlyList<Step> StepsOf(JsonNode? fulfilment)
    {
        var rows = fulfilment?["timeline"] as JsonArray ?? fulfilment?["steps"] as JsonArray ?? [];
        return [.. rows.Select(row => new Step(
            row?["step"]?.ToString() ?? "?",
            row?["outcome"]?.ToString(),
            Elapsed(row?["started"] ?? row?["startedAt"], row?["ended"] ?? row?["endedAt"]),
            row?["attempt"] is JsonValue attempt && attempt.TryGetValue<int>(out var n) ? n : 1))];
    }

    private static TimeSpan? Elapsed(JsonNode? started, JsonNode? ended) =>
        DateTimeOffset.TryParse(started?.ToString(), out var from) && DateTimeOffset.TryParse(ended?.ToString(), out var to) ? to - from : null;
}
