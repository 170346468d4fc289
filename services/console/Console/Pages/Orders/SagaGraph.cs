namespace ShopConsole.Pages.Orders;

public sealed record GraphStateData(string Name, string Kind);

public sealed record TransitionData(string From, string To, string On);

/// <summary>The state machine, as orders describes it.</summary>
public sealed record GraphData(IReadOnlyList<GraphStateData> States, IReadOnlyList<TransitionData> Transitions);

/// <summary>Where each state is drawn, and which of them an order has been in or has still before it.</summary>
internal sealed class SagaGraph
{
    public sealed record Box(string Name, string Kind, int Column, int Row, string Mark);

    public sealed record Line(Box From, Box To, string On, string Mark);

    private SagaGraph(IReadOnlyList<Box> boxes, IReadOnlyList<Line> lines, IReadOnlyList<string> remaining) =>
        (Boxes, Lines, Remaining) = (boxes, lines, remaining);

    public IReadOnlyList<Box> Boxes { get; }

    public IReadOnlyList<Line> Lines { get; }

    /// <summary>States on the shortest way from here to an end, this one left out.</summary>
    public IReadOnlyList<string> Remaining { get; }

    public int Columns => Boxes.Max(b => b.Column) + 1;

    public int Rows => Boxes.Max(b => b.Row) + 1;

    public static SagaGraph Of(GraphData graph, IReadOnlyList<StepData> steps, string state)
    {
        // A step that is done as soon as it begins, such as failing the order, is no state in which anything waits: neither graph nor way have it.
        var start = graph.States.FirstOrDefault(s => s.Kind == "start")?.Name ?? graph.States[0].Name;
        var (columns, _) = Walk(graph, start);
        var taken = steps.Select(s => s.Step).Append(state).Where(columns.ContainsKey).Distinct().ToList();
        var remaining = Remain(graph, state);
        var rows = new Dictionary<int, int>();
        var boxes = graph.States.Where(s => s.Kind != "start" && columns.ContainsKey(s.Name))
            .OrderBy(s => columns[s.Name]).ThenBy(s => taken.Contains(s.Name) || remaining.Contains(s.Name) ? 0 : 1)
            .Select(s =>
            {
                var column = columns[s.Name] - 1;
                var row = rows.GetValueOrDefault(column);
                rows[column] = row + 1;
                return new Box(s.Name, s.Kind, column, row, s.Name == state ? "here" : taken.Contains(s.Name) ? "taken" : remaining.Contains(s.Name) ? "remains" : "");
            })
            .ToDictionary(b => b.Name);
        var way = Pairs(taken).ToHashSet();
        var ahead = Pairs([state, .. remaining]).ToHashSet();
        var lines = graph.Transitions.Where(t => boxes.ContainsKey(t.From) && boxes.ContainsKey(t.To) && t.From != t.To)
            .GroupBy(t => (t.From, t.To))
            .Select(g => new Line(
                boxes[g.Key.From], boxes[g.Key.To], string.Join(", ", g.Select(t => t.On).Distinct()), way.Contains(g.Key) ? "taken" : ahead.Contains(g.Key) ? "remains" : ""));
        return new SagaGraph([.. boxes.Values], [.. lines.OrderBy(l => l.Mark == "" ? 0 : 1)], remaining);
    }

    private static IEnumerable<(string, string)> Pairs(IReadOnlyList<string> states) => states.Zip(states.Skip(1));

    private static List<string> Remain(GraphData graph, string state)
    {
        var ends = graph.States.Where(s => s.Kind == "final").Select(s => s.Name).ToHashSet();
        if (ends.Contains(state))
        {
            return [];
        }

        // The way on which nothing goes wrong is the one that the machine names first.
        var (distances, before) = Walk(graph, state);
        if (graph.Transitions.Select(t => t.To).FirstOrDefault(t => ends.Contains(t) && distances.ContainsKey(t) && t == "completed")
            is not { } end && (end = ends.Where(distances.ContainsKey).OrderBy(e => distances[e]).FirstOrDefault()) is null)
        {
            return [];
        }

        var way = new List<string>();
        for (var at = end; at != state; at = before[at])
        {
            way.Insert(0, at);
        }

        return way;
    }

    private static (Dictionary<string, int> Distances, Dictionary<string, string> Before) Walk(GraphData graph, string from)
    {
        var (distances, before) = (new Dictionary<string, int> { [from] = 0 }, new Dictionary<string, string>());
        for (var queue = new Queue<string>([from]); queue.TryDequeue(out var at);)
        {
            foreach (var next in graph.Transitions.Where(t => t.From == at).Select(t => t.To).Where(t => distances.TryAdd(t, distances[at] + 1)))
            {
                before[next] = at;
                queue.Enqueue(next);
            }
        }

        return (distances, before);
    }
}
