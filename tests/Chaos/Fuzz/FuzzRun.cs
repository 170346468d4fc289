using System.Globalization;
using Shop.Chaos.Invariants;
using Shop.Chaos.Load;
using Shop.Cluster;

namespace Shop.Chaos.Fuzz;

/// <summary>Requests and messages that nobody has thought of, while the market goes on.</summary>
public static class FuzzRun
{
    /// <summary>Of those that were to be sent; a broker refuses what its protocol cannot carry.</summary>
    private const double TakenShare = 0.9;

    public static async Task<IReadOnlyList<Verdict>> RunAsync(Stage stage, Market market, RunSettings settings)
    {
        using var requests = new RequestFuzzer(stage, market, settings.Seed);
        var messages = new MessageFuzzer(stage, settings.Seed);
        await Task.WhenAll(
            settings.Requests > 0 ? requests.RunAsync(settings.Requests) : Task.CompletedTask,
            settings.Messages > 0 ? messages.RunAsync(settings.Messages) : Task.CompletedTask);
        var answers = string.Join(", ", requests.Answers.OrderBy(a => a.Key).Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Value} × {a.Key}")));
        var never = requests.NeverAccepted.Count();
        await File.WriteAllLinesAsync(Path.Combine(ShopCluster.Root, ".local", "reports", "fuzz.txt"), [.. requests.Failures, .. requests.Table]);
        return
        [
            new Verdict(
                "fuzz-requests",
                $"Whatever is asked is answered in time and by no 5xx ({answers}; nothing was accepted by {never} operations, see fuzz.txt)",
                requests.Sent,
                [.. requests.Failures]),
            new Verdict(
                "fuzz-messages",
                "Messages near the contracts went into every exchange and queue",
                messages.Sent,
                messages.Sent < settings.Messages * TakenShare
                    ? [string.Create(CultureInfo.InvariantCulture, $"the broker took only {messages.Sent} of {settings.Messages}")]
                    : []),
        ];
    }
}
