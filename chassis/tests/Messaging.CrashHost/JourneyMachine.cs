using MassTransit;

namespace Messaging.CrashHost;

public sealed record StartJourney(Guid JourneyId, string Reference, int DeadlineMilliseconds);

/// <summary>Knows its saga by a reference only.</summary>
public sealed record Advance(string Reference);

public sealed record Arrive(Guid JourneyId);

public sealed record JourneyOverdue(Guid JourneyId);

/// <summary>Correlation by id and by expression, a deadline that is cancelled in time or not, an event that may come too early.</summary>
public sealed class JourneyMachine : MassTransitStateMachine<Journey>
{
    public JourneyMachine()
    {
        InstanceState(journey => journey.CurrentState);
        Event(() => Started, e => e.CorrelateById(m => m.Message.JourneyId));
        Event(() => Advanced, e =>
        {
            e.CorrelateBy((journey, message) => journey.Reference == message.Message.Reference);
            e.OnMissingInstance(m => m.Redeliver(r => r.Interval(20, TimeSpan.FromMilliseconds(200))));
        });
        Event(() => Arrived, e => e.CorrelateById(m => m.Message.JourneyId));
        Schedule(() => Deadline, journey => journey.DeadlineToken, s => s.Received = e => e.CorrelateById(m => m.Message.JourneyId));

        Initially(
            When(Started)
                .Then(c => c.Saga.Reference = c.Message.Reference)
                .Schedule(Deadline, c => new JourneyOverdue(c.Saga.CorrelationId), c => TimeSpan.FromMilliseconds(c.Message.DeadlineMilliseconds))
                .TransitionTo(UnderWay));
        During(
            UnderWay,
            When(Started).Then(c => c.Saga.Steps += 100),
            When(Advanced).Then(c => c.Saga.Steps++),
            When(Arrived).Unschedule(Deadline).TransitionTo(Done),
            When(Deadline.Received).TransitionTo(Late));
        During(Done, Ignore(Started), Ignore(Advanced), Ignore(Arrived), Ignore(Deadline.Received));
        During(Late, Ignore(Started), Ignore(Advanced), Ignore(Arrived));
    }

    public State UnderWay { get; private set; } = null!;

    public State Done { get; private set; } = null!;

    public State Late { get; private set; } = null!;

    public Event<StartJourney> Started { get; private set; } = null!;

    public Event<Advance> Advanced { get; private set; } = null!;

    public Event<Arrive> Arrived { get; private set; } = null!;

    public Schedule<Journey, JourneyOverdue> Deadline { get; private set; } = null!;
}
