using System.Reflection;
using MassTransit;
using Shop.Contracts;

namespace Chassis.Messaging.Endpoints;

/// <summary>Notes which boundary events an endpoint takes, and keeps the transport from making their exchanges.</summary>
internal sealed class SubscriptionObserver(IRabbitMqReceiveEndpointConfigurator endpoint, string queue, Subscriptions subscriptions) : IConsumerConfigurationObserver, ISagaConfigurationObserver
{
    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class
    {
        DeclineNoLongerTaken(typeof(TConsumer));
        foreach (var subscription in typeof(TConsumer).GetCustomAttributes<SubscribeToAttribute>())
        {
            subscriptions.Add(new WantedBinding(Exchanges.AllEvents, queue, subscription.Pattern));
        }
    }

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class => Note<TMessage>();

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga
    {
    }

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance
    {
        DeclineNoLongerTaken(stateMachine.GetType());
        foreach (var correlation in stateMachine.Correlations.Where(c => !c.ConfigureConsumeTopology))
        {
            Decline(correlation.DataType);
        }
    }

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class => Note<TMessage>();

    private void DeclineNoLongerTaken(Type consumer)
    {
        foreach (var type in consumer.GetCustomAttributes<NoLongerTakesAttribute>().SelectMany(a => a.Events))
        {
            Decline(type);
        }
    }

    private void Decline(Type type)
    {
        if (BoundaryEvents.Find(type) is { } descriptor)
        {
            subscriptions.Decline(new WantedBinding(descriptor.Type, queue, string.Empty));
        }
    }

    private void Note<TMessage>()
        where TMessage : class
    {
        var descriptor = BoundaryEvents.Find(typeof(TMessage));
        if (descriptor is not null)
        {
            subscriptions.Add(new WantedBinding(descriptor.Type, queue, string.Empty));
        }

        // A raw event has no exchange of its own.
        if (descriptor is not null || typeof(TMessage) == typeof(RawBoundaryEvent))
        {
            endpoint.ConfigureMessageTopology<TMessage>(false);
        }
    }
}
