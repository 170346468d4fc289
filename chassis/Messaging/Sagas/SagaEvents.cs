using Chassis.Messaging.Consuming;
using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Context;
using MassTransit.Mediator.Contexts;
using MassTransit.Middleware;
using MassTransit.Observables;
using MassTransit.Saga;
using MassTransit.Scheduling;
using MassTransit.Serialization;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.Sagas;

/// <summary>
/// Gives the state machine what it would get of a message that was consumed: a context in which everything that leaves becomes a row of the outbox.
/// </summary>
internal sealed class SagaEvents<TSaga>(
    SagaStore<TSaga> store, ISagaRepositoryContextFactory<TSaga> sagas, DbContext database, MessageFormatter formatter, IBus bus, IServiceProvider scope)
    : ISagaEvents<TSaga>
    where TSaga : class, SagaStateMachineInstance
{
    private static readonly OutboxConsumeOptions Options = new() { ConsumerType = typeof(TSaga).Name };

    public Task LockAsync(Guid correlationId, CancellationToken ct)
    {
        MustBeInTransaction();
        return store.LoadAsync(correlationId, ct);
    }

    public async Task RaiseAsync<T>(SagaStateMachine<TSaga> machine, Event<T> raised, T message, string queue, CancellationToken ct)
        where T : class
    {
        MustBeInTransaction();
        var context = ContextOf(message, queue, ct);
        var correlation = machine.Correlations.OfType<EventCorrelation<TSaga, T>>().Single(c => c.Event.Equals(raised));
        var transition = Pipe.New<SagaConsumeContext<TSaga, T>>(pipe => pipe.UseFilter(new StateMachineSagaMessageFilter<TSaga, T>(machine, raised)));
        var saga = correlation.FilterFactory(new SagaRepository<TSaga>(sagas), correlation.Policy, transition);
        await correlation.MessageFilter.Send(
            context, Pipe.ExecuteAsync<ConsumeContext<T>>(correlated => saga.Send(correlated, Pipe.Empty<ConsumeContext<T>>())));
    }

    private void MustBeInTransaction()
    {
        if (database.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("A saga is told in a transaction: what follows from it belongs to the same unit of work.");
        }
    }

    private TransactionalConsumeContext<T> ContextOf<T>(T message, string queue, CancellationToken ct)
        where T : class
    {
        var sent = new MessageSendContext<T>(message, ct) { MessageId = Guid.CreateVersion7(), DestinationAddress = new Uri("queue:" + queue) };
        var received = new MediatorReceiveContext<T>(
            sent, bus, bus, bus.Topology.PublishTopology, new ReceiveObservable(), SystemTextJsonMessageSerializer.Instance);
        var context = new TransactionalConsumeContext<T>((ConsumeContext<T>)received.GetPayload<ConsumeContext>(), Options, scope, database, formatter);
        context.GetOrAddPayload(() => scope);
        context.GetOrAddPayload<MessageSchedulerContext>(() => new ConsumeMessageSchedulerContext(
            context, consumed => new MessageScheduler(OutboxScheduleProvider.Of(consumed, context.Outbox), bus.Topology)));
        return context;
    }
}
