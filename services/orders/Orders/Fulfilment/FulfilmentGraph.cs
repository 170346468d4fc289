using MassTransit;
using MassTransit.SagaStateMachine;

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

/// <summary>The state machine as a picture, read off the machine itself: it shows what happens, whatever is changed there.</summary>
internal sealed class FulfilmentGraph
{
    public FulfilmentGraph(FulfilmentStateMachine machine)
    {
        var visitor = new Visitor(machine);
        machine.Accept(visitor);
        var transitions = visitor.Transitions.Distinct().ToList();
        var left = transitions.Where(t => t.From != t.To).Select(t => t.From).ToHashSet();
        Open = [.. machine.States.Where(s => s != machine.Initial && left.Contains(s)).Select(s => s.Name)];
        var reached = Reached(machine.Initial, transitions);
        string Name(State state) => state == machine.Initial ? StateNames.NotStarted : StateNames.Of(state.Name);
        View = new FulfilmentGraphView(
            [
                .. machine.States.Where(s => transitions.Exists(t => t.From == s || t.To == s)).Select(s => new FulfilmentGraphState(
                    Name(s), s == machine.Initial ? "start" : left.Contains(s) ? "waiting" : "final", reached.Contains(s))),
            ],
            [.. transitions.Select(t => new FulfilmentGraphTransition(Name(t.From), Name(t.To), visitor.NameOf(t.On)))]);
    }

    public FulfilmentGraphView View { get; }

    /// <summary>The saga's names of the states in which an order is open.</summary>
    public IReadOnlyList<string> Open { get; }

    private static HashSet<State> Reached(State start, List<(State From, State To, Event On)> transitions)
    {
        var (reached, next) = (new HashSet<State> { start }, new Queue<State>([start]));
        while (next.TryDequeue(out var state))
        {
            foreach (var to in transitions.Where(t => t.From == state).Select(t => t.To).Where(reached.Add))
            {
                next.Enqueue(to);
            }
        }

        return reached;
    }

    /// <summary>
    /// Goes through what each state does on each event. MassTransit's own graph has one vertex for an event of all states, and loses what leads where.
    /// </summary>
    private sealed class Visitor(FulfilmentStateMachine machine) : StateMachineVisitor
    {
        private State? _state;
        private Event? _event;

        public List<(State From, State To, Event On)> Transitions { get; } = [];

        // The machine looks at every deadline that comes (AnyReceived) before it takes it for the one that is awaited (Received).
        public string NameOf(Event raised) => StateNames.Of(raised == machine.Deadline.Received ? nameof(machine.Deadline) : raised.Name);

        public void Visit(State state, Action<State> next)
        {
            _state = state;
            next(state);
            End();
        }

        public void Visit(Event raised, Action<Event> next)
        {
            Begin(raised);
            next(raised);
        }

        public void Visit<TData>(Event<TData> raised, Action<Event<TData>> next)
            where TData : class
        {
            Begin(raised);
            next(raised);
        }

        public void Visit(IStateMachineActivity activity) => Visit(activity, _ => { });

        public void Visit(IStateMachineActivity activity, Action<IStateMachineActivity> next)
        {
            if (activity is TransitionActivity<FulfilmentState> transition && _event is not null)
            {
                Transitions.Add((_state!, transition.ToState, _event));
            }

            next(activity);
        }

        public void Visit<T>(IBehavior<T> behavior)
            where T : class, SagaStateMachineInstance
        {
        }

        public void Visit<T>(IBehavior<T> behavior, Action<IBehavior<T>> next)
            where T : class, SagaStateMachineInstance => next(behavior);

        public void Visit<T, TData>(IBehavior<T, TData> behavior)
            where T : class, SagaStateMachineInstance
            where TData : class
        {
        }

        public void Visit<T, TData>(IBehavior<T, TData> behavior, Action<IBehavior<T, TData>> next)
            where T : class, SagaStateMachineInstance
            where TData : class => next(behavior);

        private void Begin(Event raised)
        {
            End();
            _event = IsFromOutside(raised) ? raised : null;
        }

        /// <summary>An event that has led nowhere else is answered where the saga is.</summary>
        private void End()
        {
            if (_event is { } raised && !Transitions.Exists(t => t.From == _state && t.On == raised))
            {
                Transitions.Add((_state!, _state!, raised));
            }

            _event = null;
        }

        private bool IsFromOutside(Event raised) =>
            raised == machine.Deadline.Received || (raised != machine.Deadline.AnyReceived && machine.Events.Contains(raised));
    }
}
