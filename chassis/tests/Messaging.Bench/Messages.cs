using MassTransit;

namespace Messaging.Bench;

internal static class Names
{
    public const string Service = "bench";
    public const string Work = "bench.work";
    public const string Trips = "bench.trips";
    public const string Steps = "bench.steps";
    public const string Sink = "bench.sink";

    /// <summary>Where <see cref="Done"/> is published to.</summary>
    public const string DoneExchange = "bench.message.done";

    /// <summary>By its exchange: to send to "queue:" MassTransit declares the queue first, and not as a quorum queue.</summary>
    public static Uri AddressOf(string queue) => new("exchange:" + queue);
}

public sealed record Work(Guid Id, int Number);

public sealed record Done(Guid Id, int Number);

public sealed record StartTrip(Guid TripId);

public sealed record DoStep(Guid TripId, int Step);

public sealed record StepDone(Guid TripId, int Step);

/// <summary>Three steps: four messages for the saga, three for the handler.</summary>
internal sealed class TripMachine : MassTransitStateMachine<Trip>
{
    public TripMachine()
    {
        InstanceState(trip => trip.CurrentState);
        Event(() => Started, e => e.CorrelateById(m => m.Message.TripId));
        Event(() => Stepped, e => e.CorrelateById(m => m.Message.TripId));
        Initially(When(Started).Send(Names.AddressOf(Names.Steps), c => new DoStep(c.Message.TripId, 1)).TransitionTo(Travelling));
        During(
            Travelling,
            When(Stepped, c => c.Message.Step < 3)
                .Then(c => c.Saga.Step = c.Message.Step)
                .Send(Names.AddressOf(Names.Steps), c => new DoStep(c.Message.TripId, c.Message.Step + 1)),
            When(Stepped, c => c.Message.Step == 3)
                .Then(c => c.Saga.Step = 3)
                .Publish(c => new Done(c.Message.TripId, 3))
                .TransitionTo(Arrived));
    }

    public State Travelling { get; private set; } = null!;

    public State Arrived { get; private set; } = null!;

    public Event<StartTrip> Started { get; private set; } = null!;

    public Event<StepDone> Stepped { get; private set; } = null!;
}

internal sealed class StepConsumer : IConsumer<DoStep>
{
    public async Task Consume(ConsumeContext<DoStep> context)
    {
        var endpoint = await context.GetSendEndpoint(Names.AddressOf(Names.Trips));
        await endpoint.Send(new StepDone(context.Message.TripId, context.Message.Step), context.CancellationToken);
    }
}

internal sealed class WorkConsumer(BenchDatabase database) : IConsumer<Work>
{
    public async Task Consume(ConsumeContext<Work> context)
    {
        database.Add(new Item { Id = Guid.CreateVersion7(), Number = context.Message.Number, Note = "work" });
        await context.Publish(new Done(context.Message.Id, context.Message.Number), context.CancellationToken);
        await database.SaveChangesAsync(context.CancellationToken);
    }
}
