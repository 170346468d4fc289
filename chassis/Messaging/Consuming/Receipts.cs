using System.Reflection;
using Chassis.Data;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Configuration;
using Npgsql;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// Notes as whom the inbox knows each consumer of an endpoint, and has a receipt written for those that it does not know: what becomes of a dead letter that is
/// sent again is asked of the inbox.
/// </summary>
internal sealed class ReceiptObserver(string queue, InboxConsumers consumers, NpgsqlDataSource database)
    : IConsumerConfigurationObserver, ISagaConfigurationObserver
{
    public void ConsumerConfigured<TConsumer>(IConsumerConfigurator<TConsumer> configurator)
        where TConsumer : class
    {
    }

    public void ConsumerMessageConfigured<TConsumer, TMessage>(IConsumerMessageConfigurator<TConsumer, TMessage> configurator)
        where TConsumer : class
        where TMessage : class
    {
        var consumer = consumers.Add<TConsumer, TMessage>(queue);
        if (typeof(TConsumer).GetCustomAttribute<OwnTransactionAttribute>() is not null && configurator is IConsumerMessageConfigurator<TMessage> message)
        {
            message.AddPipeSpecification(new FilterPipeSpecification<ConsumeContext<TMessage>>(new ReceiptFilter<TMessage>(consumer, database)));
        }
    }

    public void SagaConfigured<TSaga>(ISagaConfigurator<TSaga> configurator)
        where TSaga : class, ISaga
    {
    }

    public void StateMachineSagaConfigured<TInstance>(ISagaConfigurator<TInstance> configurator, SagaStateMachine<TInstance> stateMachine)
        where TInstance : class, ISaga, SagaStateMachineInstance
    {
    }

    public void SagaMessageConfigured<TSaga, TMessage>(ISagaMessageConfigurator<TSaga, TMessage> configurator)
        where TSaga : class, ISaga
        where TMessage : class => consumers.Add<TSaga, TMessage>(queue);
}

/// <summary>
/// Writes the inbox row after a consumer that has none: only of what an operator has sent again, and for no other use than to know the outcome. When the
/// process dies before, the message comes once more, which such a consumer can bear.
/// </summary>
internal sealed class ReceiptFilter<TMessage>(Guid consumer, NpgsqlDataSource database) : IFilter<ConsumeContext<TMessage>>
    where TMessage : class
{
    private const string Sql = "INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

    public async Task Send(ConsumeContext<TMessage> context, IPipe<ConsumeContext<TMessage>> next)
    {
        await next.Send(context);
        if (context.ReceiveContext.TransportHeaders.TryGetHeader(MessageKeys.Resent, out _))
        {
            await database.ExecuteAsync(Sql, context.CancellationToken, MessageKeys.InboxKey(context), consumer);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("receipt");
}
