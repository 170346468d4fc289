using MassTransit;
using MassTransit.SagaStateMachine;

namespace Chassis.Messaging.Sagas;

/// <param name="From">The state that it leads from.</param>
/// <param name="To">The state that it leads to; the same where the event is answered, and the saga stays.</param>
/// <param name="On">The event, or the name of the schedule whose time has come.</param>
public sealed record SagaTransition(string From, string To, string On);

/// <summary>A state machine as a picture, read off the machine itself: it shows what happens, whatever is changed there.</summary>
/// <param name="Start">Where every saga begins.</param>
/// <param name="Transitions">What each state answers to which event. What it ignores is no answer.</param>
public sealed record SagaGraph(string Start, IReadOnlyList<SagaTransition> Transitions)
{
    public static SagaGraph Of<TSaga>(SagaStateMachine<TSaga> machine)
        where TSaga : class, SagaStateMachineInstance
    {
        ArgumentNullException.ThrowIfNull(machine);
        var visitor = new Visitor<TSaga>(machine);
        machine.Accept(visitor);
        return new SagaGraph(machine.Initial.Name, [.. visitor.Transitions.Distinct()]);
    }

    /// <summary>
    /// Goes through what each state does on each event. MassTransit's own graph has one vertex for an event of all states, and loses what leads where.
    /// </summary>
    private sealed class Visitor<TSaga> : StateMachineVisitor
        where TSaga : class, SagaStateMachineInstance
    {
        private readonly Dictionary<string, string> _events;
        private string _state = string.Empty;
        private string? _event;

        public Visitor(SagaStateMachine<TSaga> machine)
        {
            // The machine looks at every deadline that comes (AnyReceived) before it takes it for the one that is awaited (Received).
            var schedules = machine.GetType().GetProperties().Where(p => p.PropertyType.IsAssignableTo(typeof(Schedule<TSaga>))).Select(p => p.Name).ToList();
            _events = machine.Events.Where(e => e is not null).Select(e => e.Name).Except(schedules.Select(s => $"{s}.AnyReceived"))
                .ToDictionary(name => name, name => schedules.Find(s => name == $"{s}.Received") ?? name);
            foreach (var schedule in schedules)
            {
                _events.TryAdd($"{schedule}.Received", schedule);
            }
        }

        public List<SagaTransition> Transitions { get; } = [];

        public void Visit(State state, Action<State> next)
        {
            _state = state.Name;
            next(state);
            End();
        }

        public void Visit(Event @event, Action<Event> next)
        {
            Begin(@event);
            next(@event);
        }

        public void Visit<TMessage>(Event<TMessage> @event, Action<Event<TMessage>> next)
            where TMessage : class
        {
            Begin(@event);
            next(@event);
        }

        public void Visit(IStateMachineActivity activity) => Visit(activity, _ => { });

        public void Visit(IStateMachineActivity activity, Action<IStateMachineActivity> next)
        {
            if (activity is TransitionActivity<TSaga> transition && _event is not null)
            {
                Transitions.Add(new SagaTransition(_state, transition.ToState.Name, _event));
            }

            next(activity);
        }

        public void Visit<T>(IBehavior<T> behavior)
            where T : class, SagaStateMachineInstance
        {
        }

        public void Visit<T>(IBehavior<T> behavior, Action<IBehavior<T>> next)
            where T : class, SagaStateMachineInstance => next(behavior);

        public void Visit<T, TMessage>(IBehavior<T, TMessage> behavior)
            where T : class, SagaStateMachineInstance
            where TMessage : class
        {
        }

        public void Visit<T, TMessage>(IBehavior<T, TMessage> behavior, Action<IBehavior<T, TMessage>> next)
            where T : class, SagaStateMachineInstance
            where TMessage : class => next(behavior);

        private void Begin(Event raised)
        {
            End();
            _event = _events.GetValueOrDefault(raised.Name);
        }

        /// <summary>An event that has led nowhere else is answered where the saga is.</summary>
        private void End()
        {
            if (_event is not null && !Transitions.Exists(t => t.From == _state && t.On == _event))
            {
                Transitions.Add(new SagaTransition(_state, _state, _event));
            }

            _event = null;
        }
    }
}
