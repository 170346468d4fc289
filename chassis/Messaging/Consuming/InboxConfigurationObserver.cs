using System.Reflection;
using MassTransit;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.Consuming;

/// <summary>MassTransit's own observer puts the outbox filter in front of consumers and sagas; here consumers may decline it.</summary>
internal sealed class InboxConfigurationObserver<TDbContext> : IConsumerConfigurationObserver, ISagaConfigurationObserver, IActivityConfigurationObserver
    where TDbContext : DbContext
{
    private readonly OutboxConsumePipeSpecificationObserver<TDbContext> _outbox;

    public InboxConfigurationObserver(IReceiveEndpointConfigurator configurator, IRegistrationContext context, Action<IOutboxOptionsConfigurator>? configure)
    {
        _outbox = new OutboxConsumePipeSpecificationObserver<TDbContext>(configurator, context);
        configure?.Invoke(_outbox);
    }

    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class => _outbox.ConsumerConfigured(configurator);

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class
    {
        if (typeof(TConsumer).GetCustomAttribute<OwnTransactionAttribute>() is null)
        {
            _outbox.ConsumerMessageConfigured(configurator);
        }
    }

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga => _outbox.SagaConfigured(configurator);

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance => _outbox.StateMachineSagaConfigured(configurator, stateMachine);

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class => _outbox.SagaMessageConfigured(configurator);

    public void ActivityConfigured<TActivity, TArguments>(IExecuteActivityConfigurator<TActivity, TArguments> configurator, Uri compensateAddress)
        where TActivity : class, IExecuteActivity<TArguments>
        where TArguments : class => _outbox.ActivityConfigured(configurator, compensateAddress);

    public void ExecuteActivityConfigured<TActivity, TArguments>(IExecuteActivityConfigurator<TActivity, TArguments> configurator)
        where TActivity : class, IExecuteActivity<TArguments>
        where TArguments : class => _outbox.ExecuteActivityConfigured(configurator);

    public void CompensateActivityConfigured<TActivity, TLog>(ICompensateActivityConfigurator<TActivity, TLog> configurator)
        where TActivity : class, ICompensateActivity<TLog>
        where TLog : class => _outbox.CompensateActivityConfigured(configurator);
}
