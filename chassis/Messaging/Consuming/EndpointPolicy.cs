using Chassis.Data;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.Configuration;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// What every receive endpoint of the system has in common. From the outside in: operation and trace, sender, scheduler, shares of tenants, redelivery,
/// patience with the database, retries in memory, and the transaction with inbox and outbox.
/// </summary>
internal sealed class EndpointPolicy<TDbContext>(IRegistrationContext context, MessagingOptions options)
    where TDbContext : DbContext
{
    // Together well below the half hour after which the broker takes a message away that nobody acknowledges.
    private const int OutageRetries = 60;
    private static readonly TimeSpan OutageFirst = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OutageLongest = TimeSpan.FromSeconds(15);
    private static readonly RetryStages Stages = new();

    public void Apply(IReceiveEndpointConfigurator endpoint, string name)
    {
        endpoint.PublishFaults = false;
        endpoint.PrefetchCount = options.Prefetch;
        endpoint.ConcurrentMessageLimit = options.Concurrency;
        var lanes = context.GetRequiredService<Lanes>();
        var isLane = lanes.IsLane(name);
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            // Its limits are the broker's policy for this service, which can be changed; an argument never can. ADR:
            // docs/adr/0023-queue-limits-are-policies.md.
            rabbit.SetQuorumQueue();
            rabbit.AddDependency(context.GetRequiredService<FirstDeclaration>());
            if (isLane)
            {
                // The transport hands what it was given beforehand to its threads in any order, and what goes back would come after it.
                // Nor is anything put back for later, below: it would come after those behind it.
                endpoint.PrefetchCount = 1;
                endpoint.ConcurrentMessageLimit = 1;
                endpoint.ConfigureConsumeTopology = false;
                rabbit.SingleActiveConsumer = true;
                rabbit.ConfigureChannel(pipe => pipe.UseFilter(context.GetRequiredService<LaneChannels>().Of(name)));
            }
        }

        var metrics = context.GetRequiredService<MessagingMetrics>();
        metrics.Takes(name);
        endpoint.ConfigureError(error => error.UseFilter(context.GetRequiredService<FailedMessageFilter>()));
        endpoint.ConfigureDeadLetter(skipped => skipped.UseFilter(context.GetRequiredService<SkippedMessageFilter>()));
        // Before the message's own pipe, where the filters below live, so that they are outside of those.
        endpoint.AddPrePipeSpecification(new FilterPipeSpecification<ConsumeContext>(
            new OperationFilter(metrics, context.GetRequiredService<TimeProvider>())));
        endpoint.AddPrePipeSpecification(new FilterPipeSpecification<ConsumeContext>(context.GetRequiredService<SenderFilter>()));
        endpoint.AddPrePipeSpecification(new FilterPipeSpecification<ConsumeContext>(new SchedulerFilter(
            context.GetRequiredService<OutboxStore>(),
            context.GetRequiredService<MessageFormatter>(),
            context.GetRequiredService<Accounts>(),
            metrics,
            context.GetRequiredService<IOptions<MessagingOptions>>(),
            context.GetRequiredService<TimeProvider>(),
            context)));
        if (!isLane)
        {
            var limits = endpoint as IReceiveEndpointConfiguration;
            endpoint.AddPrePipeSpecification(new FilterPipeSpecification<ConsumeContext>(new FairShareFilter(
                () => limits?.ConcurrentMessageLimit ?? limits?.PrefetchCount ?? options.Concurrency,
                context.GetRequiredService<OutboxStore>(),
                context.GetRequiredService<Accounts>(),
                metrics,
                options,
                context.GetRequiredService<TimeProvider>())));
        }

        if (options.RedeliveryDelays.Length > 0 && !isLane)
        {
            endpoint.UseScheduledRedelivery(retry =>
            {
                retry.Ignore<Exception>(e => IsFinal(e) || DatabaseFailure.SaysNothingOfTheMessage(e));
                retry.Intervals(options.RedeliveryDelays);
            });
        }

        endpoint.UseMessageRetry(retry =>
        {
            retry.ConnectRetryObserver(Stages);
            retry.Handle<Exception>(DatabaseFailure.SaysNothingOfTheMessage);
            retry.Exponential(OutageRetries, OutageFirst, OutageLongest, OutageFirst);
        });
        if (options.RetryPauses.Length > 0)
        {
            endpoint.UseMessageRetry(retry =>
            {
                retry.ConnectRetryObserver(Stages);
                retry.Ignore<Exception>(e => IsFinal(e) || DatabaseFailure.IsOutage(e));
                retry.SetRetryPolicy(filter => new JitteredRetryPolicy(filter, options.RetryPauses));
            });
        }

        endpoint.UseEntityFrameworkOutbox<TDbContext>(context);
        var receipts = new ReceiptObserver(name, context.GetRequiredService<InboxConsumers>(), context.GetRequiredService<NpgsqlDataSource>());
        endpoint.ConnectConsumerConfigurationObserver(receipts);
        endpoint.ConnectSagaConfigurationObserver(receipts);
        if (endpoint is IRabbitMqReceiveEndpointConfigurator queue)
        {
            var observer = new SubscriptionObserver(
                queue,
                name,
                context.GetRequiredService<EventCatalogue>(),
                context.GetRequiredService<Subscriptions>(),
                lanes,
                context.GetRequiredService<LocalEndpoints>());
            endpoint.ConnectConsumerConfigurationObserver(observer);
            endpoint.ConnectSagaConfigurationObserver(observer);
        }
    }

    /// <summary>Whether trying again cannot help.</summary>
    internal static bool IsFinal(Exception e) =>
        e is NonTransientException or ProblemException { Status: 400 or 422 } || IsRefusedValue(e);

    // SQLSTATE classes 22 (a value that is none, or too long) and 54 (more than the database can hold): the same value is refused every time.
    private static bool IsRefusedValue(Exception? e) =>
        e is not null && (e is PostgresException { SqlState: ['2', '2', ..] or ['5', '4', ..] } || IsRefusedValue(e.InnerException));
}
