using Chassis.Messaging.Sagas;

namespace Orders.Fulfilment;

/// <param name="Name">As <see cref="FulfilmentView.State"/> has it.</param>
/// <param name="Kind"><c>start</c>, <c>waiting</c> or <c>final</c>.</param>
/// <param name="Reachable">Whether an order of today comes there; else it is a state of the version before.</param>
internal sealed record FulfilmentGraphState(string Name, string Kind, bool Reachable);

/// <param name="From">The state that it leads from.</param>
/// <param name="To">The state that it leads to; the same where the answer is to ask once more.</param>
/// <param name="On">What happens, in camelCase; <c>deadline</c> when the answer does not come in time.</param>
internal sealed record FulfilmentGraphTransition(string From, string To, string On);

internal sealed record FulfilmentGraphView(IReadOnlyList<FulfilmentGraphState> States, IReadOnlyList<FulfilmentGraphTransition> Transitions);

/// <summary>The ways of an order, in the words of callers.</summary>
internal sealed class FulfilmentGraph
{
    public FulfilmentGraph(FulfilmentStateMachine machine)
    {
        var graph = SagaGraph.Of(machine);
        var left = graph.Transitions.Where(t => t.From != t.To).Select(t => t.From).ToHashSet();
        var states = graph.Transitions.SelectMany(t => new[] { t.From, t.To }).Distinct().ToList();
        Open = [.. states.Where(s => s != graph.Start && left.Contains(s))];
        var reached = Reached(graph);
        string Name(string state) => state == graph.Start ? StateNames.NotStarted : StateNames.Of(state);
        View = new FulfilmentGraphView(
            [
                .. states.Select(s => new FulfilmentGraphState(
                    Name(s), s == graph.Start ? "start" : left.Contains(s) ? "waiting" : "final", reached.Contains(s))),
            ],
            [.. graph.Transitions.Select(t => new FulfilmentGraphTransition(Name(t.From), Name(t.To), StateNames.Of(t.On)))]);
    }

    public FulfilmentGraphView View { get; }

    /// <summary>The saga's names of the states in which an order is open.</summary>
    public IReadOnlyList<string> Open { get; }

    private static HashSet<string> Reached(SagaGraph graph)
    {
        var (reached, next) = (new HashSet<string> { graph.Start }, new Queue<string>([graph.Start]));
        while (next.TryDequeue(out var state))
        {
            foreach (var to in graph.Transitions.Where(t => t.From == state).Select(t => t.To).Where(reached.Add))
            {
                next.Enqueue(to);
            }
        }

        return reached;
    }
}
