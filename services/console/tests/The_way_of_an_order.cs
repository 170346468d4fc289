using ShopConsole.Pages.Orders;

namespace ShopConsole.Tests;

/// <summary>The picture of the state machine: where an order has been, where it is, and what remains.</summary>
public sealed class The_way_of_an_order
{
    private static readonly GraphData Machine = new(
        [
            new("initial", "start"), new("reserving", "waiting"), new("authorizing", "waiting"), new("shipping", "waiting"), new("releasing", "waiting"),
            new("completed", "final"), new("failed", "final"), new("ofBefore", "waiting"),
        ],
        [
            new("initial", "reserving", "submitted"), new("reserving", "authorizing", "reserved"), new("reserving", "failed", "refused"),
            new("reserving", "reserving", "asked again"), new("authorizing", "shipping", "authorized"), new("authorizing", "releasing", "declined"),
            new("authorizing", "releasing", "timed out"), new("shipping", "completed", "dispatched"), new("releasing", "failed", "released"),
            new("ofBefore", "completed", "migrated"),
        ]);

    [Fact]
    public void Begins_on_the_left_and_ends_on_the_right()
    {
        var graph = SagaGraph.Of(Machine, Steps("reserving"), "reserving");
        graph.Boxes.ToDictionary(b => b.Name, b => b.Column).ShouldBe(
            new Dictionary<string, int> { ["reserving"] = 0, ["authorizing"] = 1, ["failed"] = 1, ["shipping"] = 2, ["releasing"] = 2, ["completed"] = 3 },
            ignoreOrder: true);
        (graph.Columns, graph.Rows).ShouldBe((4, 2));
        graph.Boxes.Select(b => (b.Column, b.Row)).ShouldBeUnique();
    }

    [Fact]
    public void Says_what_remains_if_nothing_goes_wrong()
    {
        var graph = SagaGraph.Of(Machine, Steps("reserving", "authorizing"), "authorizing");
        graph.Remaining.ShouldBe(["shipping", "completed"]);
        Marks(graph).ShouldBe(
            new Dictionary<string, string>
            {
                ["reserving"] = "taken", ["authorizing"] = "here", ["shipping"] = "remains", ["completed"] = "remains", ["releasing"] = "", ["failed"] = "",
            },
            ignoreOrder: true);
        graph.Lines.Where(l => l.Mark == "taken").Select(l => (l.From.Name, l.To.Name)).ShouldBe([("reserving", "authorizing")]);
        graph.Lines.Where(l => l.Mark == "remains").Select(l => (l.From.Name, l.To.Name)).ShouldBe([("authorizing", "shipping"), ("shipping", "completed")]);
    }

    [Fact]
    public void Ends_where_it_can_once_it_has_gone_wrong() =>
        SagaGraph.Of(Machine, Steps("reserving", "authorizing", "releasing"), "releasing").Remaining.ShouldBe(["failed"]);

    [Fact]
    public void Has_nothing_before_it_once_it_has_ended()
    {
        var graph = SagaGraph.Of(Machine, Steps("reserving", "authorizing", "releasing"), "failed");
        graph.Remaining.ShouldBeEmpty();
        Marks(graph).Where(m => m.Value == "taken").Select(m => m.Key).ShouldBe(["reserving", "authorizing", "releasing"], ignoreOrder: true);
        Marks(graph)["failed"].ShouldBe("here");
    }

    [Fact]
    public void Has_one_line_for_what_happens_in_several_ways_and_none_for_staying()
    {
        var graph = SagaGraph.Of(Machine, Steps("reserving"), "reserving");
        graph.Lines.Single(l => l.From.Name == "authorizing" && l.To.Name == "releasing").On.ShouldBe("declined, timed out");
        graph.Lines.ShouldNotContain(l => l.From == l.To);
    }

    [Fact]
    public void Is_still_drawn_for_a_state_that_the_machine_does_not_name()
    {
        var graph = SagaGraph.Of(Machine, Steps("reserving"), "ofTomorrow");
        graph.Remaining.ShouldBeEmpty();
        graph.Boxes.Count.ShouldBe(6);
    }

    private static Dictionary<string, string> Marks(SagaGraph graph) => graph.Boxes.ToDictionary(b => b.Name, b => b.Mark);

    private static StepData[] Steps(params string[] names) => [.. names.Select(n => new StepData(n, DateTimeOffset.UnixEpoch, null, null, 1))];
}
