using Chassis.Messaging;
using MassTransit;
using Shop.Contracts.Orders.V1;

namespace Messaging.CrashHost;

public sealed record DoWork(Guid Subject, int Number);

/// <summary>Writes one effect and publishes one event.</summary>
public sealed class DoWorkConsumer(WorkDatabase database) : IConsumer<DoWork>
{
    public async Task Consume(ConsumeContext<DoWork> context)
    {
        database.Add(new Effect { Subject = context.Message.Subject, Number = context.Message.Number, Note = "done" });
        await context.PublishEventAsync(Events.Cancelled(context.Message.Subject), context.Message.Number, context.CancellationToken);
        Poison.Taste(context.Message.Subject);
        await database.SaveChangesAsync(context.CancellationToken);
    }
}

/// <summary>Writes one effect for the event.</summary>
public sealed class CancelledConsumer(WorkDatabase database) : IConsumer<OrderCancelled>
{
    public Task Consume(ConsumeContext<OrderCancelled> context)
    {
        Poison.Taste(context.Message.OrderId);
        database.Add(new Effect
        {
            Subject = context.Message.OrderId, Number = (int)(context.EventSequence() ?? -1), Note = context.IsReplay() ? "replayed" : "cancelled",
        });
        return Task.CompletedTask;
    }
}

public static class Events
{
    public static OrderCancelled Cancelled(Guid order) => new(order, Guid.CreateVersion7(), "changed my mind", TimeProvider.System.GetUtcNow());
}

public static class WorkQueues
{
    public const string Commands = "work.commands";
    public const string Cancelled = "work.cancelled";

    public static void AddWork(this IBusRegistrationConfigurator bus, bool withListener = true)
    {
        bus.AddConsumer<DoWorkConsumer>().Endpoint(e => e.Name = Commands);
        if (withListener)
        {
            bus.AddConsumer<CancelledConsumer>().Endpoint(e => e.Name = Cancelled);
        }
    }
}

public static class JourneyRegistration
{
    public const string Queue = "work.journeys";

    public static void AddJourneys(this IBusRegistrationConfigurator bus, ConcurrencyMode concurrency) =>
        bus.AddSagaStateMachine<JourneyMachine, Journey>().Endpoint(e => e.Name = Queue).EntityFrameworkRepository(r =>
        {
            r.ConcurrencyMode = concurrency;
            r.ExistingDbContext<WorkDatabase>();
        });
}
