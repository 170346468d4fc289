using System.Reflection;
using Chassis.Messaging.Relay;
using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging.Queues;

/// <summary>Notes who takes what at an endpoint, and keeps the transport from making the exchanges of boundary events.</summary>
internal sealed class SubscriptionObserver(
    IRabbitMqReceiveEndpointConfigurator endpoint,
    string queue,
    EventCatalogue catalogue,
    Subscriptions subscriptions,
    Lanes lanes,
    LocalEndpoints locals) : IConsumerConfigurationObserver, ISagaConfigurationObserver
{
    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class
    {
        // What is for a lane comes by the broker: its order is made there.
        if (!lanes.IsLane(queue))
        {
            locals.AddConsumer(queue, typeof(TConsumer));
        }

        DeclineNoLongerTaken(typeof(TConsumer));
    }

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class => Note<TMessage>(typeof(TConsumer));

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga => locals.AddSaga(queue, typeof(TSaga));

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance
    {
        locals.AddSaga(queue, typeof(TInstance));
        DeclineNoLongerTaken(stateMachine.GetType());
        foreach (var correlation in stateMachine.Correlations.Where(c => !c.ConfigureConsumeTopology))
        {
            Decline(correlation.DataType);
        }
    }

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class => Note<TMessage>(typeof(TSaga));

    private void DeclineNoLongerTaken(Type consumer)
    {
        foreach (var type in consumer.GetCustomAttributes<NoLongerTakesAttribute>().SelectMany(a => a.Events))
        {
            Decline(type);
        }
    }

    private void Decline(Type type)
    {
        if (catalogue.Find(type) is { } descriptor)
        {
            subscriptions.Decline(new WantedBinding(descriptor.Type, lanes.NameOf(queue), string.Empty));
        }
    }

    private void Note<TMessage>(Type taker)
        where TMessage : class
    {
        if (!lanes.IsLane(queue))
        {
            locals.AddMessage(queue, typeof(TMessage), taker);
        }

        var descriptor = catalogue.Find(typeof(TMessage));
        if (descriptor is not null)
        {
            subscriptions.Add(new WantedBinding(descriptor.Type, lanes.NameOf(queue), string.Empty));
        }

        // A raw event has no exchange of its own.
        if (descriptor is not null || typeof(TMessage) == typeof(RawBoundaryEvent))
        {
            endpoint.ConfigureMessageTopology<TMessage>(false);
        }
    }
}
