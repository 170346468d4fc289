using System.Reflection;
using Chassis.Messaging.Queues;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Messaging;

/// <summary>How a service says what it takes from which queue: the whole of registration that it needs to know of MassTransit.</summary>
public static class EndpointExtensions
{
    /// <summary>Takes messages from a queue. Consumers that name the same one share it.</summary>
    /// <param name="bus">The service's bus.</param>
    /// <param name="queue">Name of the queue, <c>service.purpose</c>.</param>
    public static void AddConsumer<TConsumer>(this IBusRegistrationConfigurator bus, string queue)
        where TConsumer : class, IConsumer => bus.AddConsumer<TConsumer>().Endpoint(e => e.Name = queue);

    /// <summary>Takes messages from a queue, with more or fewer at the same time than the service's queues allow by default.</summary>
    /// <param name="bus">The service's bus.</param>
    /// <param name="queue">Name of the queue, which is no other consumer's.</param>
    public static void AddConsumer<TConsumer, TConcurrency>(this IBusRegistrationConfigurator bus, string queue)
        where TConsumer : class, IConsumer
        where TConcurrency : ConcurrencyOf<TConsumer> => bus.AddConsumer<TConsumer, TConcurrency>().Endpoint(e => e.Name = queue);

    /// <summary>
    /// Takes messages of one key one after the other, in the order in which they came to the broker over all replicas. The key is the subject of an event and
    /// what a command is sent with. A message that fails holds its lane while it is tried again in memory, then becomes a dead letter, and the next one comes.
    /// docs/how-to/keep-the-order-of-a-key.md
    /// </summary>
    /// <param name="bus">The service's bus.</param>
    /// <param name="queue">Name of the queue, which is no other consumer's.</param>
    /// <param name="lanes">How many messages are handled at the same time in all replicas together.</param>
    /// <param name="formerly">How many lanes an earlier version had, where those were more: what lies in them is still taken.</param>
    public static void AddOrderedConsumer<TConsumer>(this IBusRegistrationConfigurator bus, string queue, int lanes, int formerly = 0)
        where TConsumer : class, IConsumer
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Math.Max(lanes, formerly), OrderedQueue.MostLanes);
        if (typeof(TConsumer).GetCustomAttribute<OwnTransactionAttribute>() is not null)
        {
            // Two replicas that have the same message in hand are told apart by its inbox row.
            throw new ArgumentException($"{typeof(TConsumer).Name} has [OwnTransaction]: without an inbox no order can be kept.");
        }

        bus.AddConsumer<TConsumer>().ExcludeFromConfigureEndpoints();
        bus.AddSingleton(new OrderedQueue(queue, lanes, formerly, typeof(TConsumer)));
    }

    /// <summary>Runs a saga on a queue, and stores it in the service's database in the transaction of the message that it takes.</summary>
    /// <param name="bus">The service's bus.</param>
    /// <param name="queue">Name of the queue.</param>
    public static void AddSaga<TMachine, TSaga, TTenant>(this IBusRegistrationConfigurator bus, string queue)
        where TMachine : class, SagaStateMachine<TSaga>
        where TSaga : class, SagaStateMachineInstance
        where TTenant : TenantOf<TSaga> =>
        bus.AddSagaStateMachine<TMachine, TSaga, TTenant>().Endpoint(e => e.Name = queue).EntityFrameworkRepository();
}

/// <summary>How many messages of a consumer are handled at the same time, where that is not what the service's queues have by default.</summary>
/// <param name="messages">Handled at once, and asked of the broker beforehand.</param>
public abstract class ConcurrencyOf<TConsumer>(int messages) : ConsumerDefinition<TConsumer>
    where TConsumer : class, IConsumer
{
    protected sealed override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpointConfigurator, IConsumerConfigurator<TConsumer> consumerConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.PrefetchCount = messages;
        endpointConfigurator.ConcurrentMessageLimit = messages;
    }
}

/// <summary>
/// In whose name a saga acts: what it asks for, its deadlines included, is asked for in the name of its tenant, whatever brought the message that it answers.
/// </summary>
public abstract class TenantOf<TSaga> : SagaDefinition<TSaga>
    where TSaga : class, ISaga
{
    /// <summary>The saga's tenant; of one that is just being made, that of the message which starts it.</summary>
    protected abstract string? Find(TSaga saga);

    protected sealed override void ConfigureSaga(
        IReceiveEndpointConfigurator endpointConfigurator, ISagaConfigurator<TSaga> sagaConfigurator, IRegistrationContext context) =>
        sagaConfigurator.UseFilter(new TenantFilter(Find));

    private sealed class TenantFilter(Func<TSaga, string?> find) : IFilter<SagaConsumeContext<TSaga>>
    {
        public async Task Send(SagaConsumeContext<TSaga> context, IPipe<SagaConsumeContext<TSaga>> next)
        {
            using var _ = OperationContext.BeginTenant(find(context.Saga));
            await next.Send(context);
        }

        public void Probe(ProbeContext context) => context.CreateFilterScope("tenant");
    }
}
