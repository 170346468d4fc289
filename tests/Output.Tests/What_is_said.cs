using Shop.Chaos;
using Shop.Chaos.Invariants;
using Shop.Chaos.Report;
using Shop.Demo;
using Shop.Output;
using Spectre.Console;

namespace Output.Tests;

/// <summary>What demo and chaos write where nobody watches: scripts and people search in it.</summary>
public sealed class What_is_said : IDisposable
{
    private static readonly string Longest = string.Join(' ', Enumerable.Repeat("every order has one end", 5));

    private readonly StringWriter _log = new();

    private string[] Lines => _log.ToString().Split(Environment.NewLine);

    public void Dispose() => _log.Dispose();

    [Fact]
    public void A_log_has_no_control_characters_and_breaks_no_row()
    {
        Report(new("ends", Longest, 1_000, []), new("money", "money is where it belongs", 700, ["[red]order 17[/] was paid twice"])).Print(Terminal.Open(_log));
        Lines.SelectMany(line => line).ShouldNotContain(c => char.IsControl(c));
        Lines.ShouldContain(
            line => line.Contains(Longest, StringComparison.Ordinal)
                && line.Contains("1000", StringComparison.Ordinal)
                && line.Contains("holds", StringComparison.Ordinal));
        Lines.ShouldContain(line => line.Contains("VIOLATED 1 times", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_data_is_shown_as_it_is()
    {
        Report(new Verdict("money", "money is where it belongs", 700, ["[red]order 17[/] was paid [twice"])).Print(Terminal.Open(_log));
        Lines.ShouldContain(line => line.Contains("[red]order 17[/] was paid [twice", StringComparison.Ordinal));

        var screen = new Screen(Terminal.Open(_log));
        screen.Tell(new Story(1, new Plan("A mug [/] for [x]", "MUG", 1, "pm", "failed", "", [], [])) { Status = "failed", Reason = "[out_of_stock" });
        screen.Done("[bold");
        screen.Verdict(false, "[/]");
        Lines.ShouldContain(
            line => line.Contains("1 A mug [/] for [x]", StringComparison.Ordinal) && line.Contains("failed ([out_of_stock)", StringComparison.Ordinal));
        Lines.ShouldContain("  ✓ [bold");
        Lines.ShouldContain(" ✗ [/]");
    }

    [Fact]
    public void The_last_line_of_a_chaos_run_is_the_one_that_scripts_read()
    {
        var console = Terminal.Open(_log);
        console.Profile.Width = 40;
        Report(new Verdict("ends", Longest, 1_000, [])).Print(console);
        Lines[^2].ShouldBe("PASSED: 1 invariants hold over 1000 orders and 0 faults in 63 s. Seed 7.");
        _log.GetStringBuilder().Clear();
        Report(new Verdict("ends", Longest, 1_000, ["one"])).Print(console);
        Lines[^2].ShouldStartWith("FAILED. Run it again with: ");
    }

    [Fact]
    public async Task A_log_of_the_demo_has_a_line_for_every_step()
    {
        var story = new Story(1, new Plan("Two gift sets, a good card", "DEMO", 2, "pm", "completed", "", [], []))
        {
            Steps = [new("ReservingStock", "StockReserved", TimeSpan.FromMilliseconds(12), 1), new("AuthorizingPayment", null, null, 1)],
            Status = "completed",
            Finished = true,
        };
        await new Screen(Terminal.Open(_log)).WatchAsync([story], Task.CompletedTask, () => null);
        Lines.Select(line => line[Math.Min(line.Length, 12)..])
            .Take(2)
            .ShouldBe(["1 Two gift sets, a good card      reserve stock: stock reserved, 12 ms", "1 Two gift sets, a good card      COMPLETED"]);
    }

    private static RunReport Report(params Verdict[] verdicts) =>
        new(new RunSettings { Orders = 1_000, Seed = 7 }, TimeSpan.FromSeconds(63), [], verdicts, new Dictionary<string, int> { ["completed"] = 1_000 });
}
