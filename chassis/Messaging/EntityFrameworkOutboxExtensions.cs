using Chassis.Messaging;
using Chassis.Messaging.Consuming;
using Chassis.Messaging.Sagas;
using Chassis.Messaging.UnitOfWork;
using MassTransit.Configuration;
using MassTransit.DependencyInjection;
using MassTransit.Middleware;
using MassTransit.Saga;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace MassTransit;

/// <summary>
/// The outbox's configuration, named as in MassTransit's Entity Framework Core integration. There is no choice of a database: it is PostgreSQL.
/// </summary>
public interface IEntityFrameworkOutboxConfigurator
{
    /// <summary>Longest pause between two looks at the outbox for rows that are due: <see cref="MessagingOptions.SweepInterval"/>.</summary>
    TimeSpan QueryDelay { set; }

    /// <summary>Rows that one look takes: <see cref="MessagingOptions.SweepBatch"/>.</summary>
    int QueryMessageLimit { set; }

    /// <summary>How long a message id is remembered for the detection of duplicates: <see cref="MessagingOptions.InboxRetention"/>.</summary>
    TimeSpan DuplicateDetectionWindow { set; }

    /// <summary>What is published outside of a consumer leaves through the outbox, too.</summary>
    IEntityFrameworkOutboxConfigurator UseBusOutbox();
}

/// <summary>The saga repository's configuration, named as in MassTransit's Entity Framework Core integration.</summary>
public interface IEntityFrameworkSagaRepositoryConfigurator<TSaga>
    where TSaga : class, ISaga
{
    /// <summary>Pessimistic, the default, locks the saga's row; optimistic relies on a concurrency token (<c>xmin</c>) and retries.</summary>
    ConcurrencyMode ConcurrencyMode { set; }

    /// <summary>The scoped context that the repository works on.</summary>
    void ExistingDbContext<TDbContext>()
        where TDbContext : DbContext;
}

/// <summary>The public face of the outbox, the inbox and the saga storage.</summary>
public static class EntityFrameworkOutboxExtensions
{
    /// <summary>
    /// Registers the outbox on the service's own database. <c>AddMessaging</c> does this; who calls it again sets options, which win over the configuration.
    /// </summary>
    public static void AddEntityFrameworkOutbox<TDbContext>(
        this IBusRegistrationConfigurator configurator, Action<IEntityFrameworkOutboxConfigurator>? configure = null)
        where TDbContext : DbContext
    {
        configurator.TryAddScoped<IOutboxContextFactory<TDbContext>, InboxContextFactory<TDbContext>>();
        configurator.TryAdd(ServiceDescriptor.Scoped(typeof(ISagaEvents<>), typeof(SagaEvents<>)));
        configure?.Invoke(new OutboxConfigurator<TDbContext>(configurator));
    }

    /// <summary>Consumers and sagas of the endpoint run inside one transaction with their inbox row and their outgoing messages.</summary>
    public static void UseEntityFrameworkOutbox<TDbContext>(
        this IReceiveEndpointConfigurator configurator, IRegistrationContext context, Action<IOutboxOptionsConfigurator>? configure = null)
        where TDbContext : DbContext
    {
        var observer = new InboxConfigurationObserver<TDbContext>(configurator, context, configure);
        configurator.ConnectConsumerConfigurationObserver(observer);
        configurator.ConnectSagaConfigurationObserver(observer);
        configurator.ConnectActivityConfigurationObserver(observer);
    }

    /// <summary>Stores the saga with Entity Framework Core in the transaction of the message that it consumes.</summary>
    public static ISagaRegistrationConfigurator<TSaga> EntityFrameworkRepository<TSaga>(
        this ISagaRegistrationConfigurator<TSaga> configurator, Action<IEntityFrameworkSagaRepositoryConfigurator<TSaga>>? configure = null)
        where TSaga : class, ISaga
    {
        var repository = new SagaRepositoryConfigurator<TSaga>();
        configure?.Invoke(repository);
        configurator.Repository(repository.Register);
        return configurator;
    }

    private sealed class OutboxConfigurator<TDbContext>(IBusRegistrationConfigurator configurator) : IEntityFrameworkOutboxConfigurator
        where TDbContext : DbContext
    {
        public TimeSpan QueryDelay
        {
            set => configurator.Configure<MessagingOptions>(o => o.SweepInterval = value);
        }

        public int QueryMessageLimit
        {
            set => configurator.Configure<MessagingOptions>(o => o.SweepBatch = value);
        }

        public TimeSpan DuplicateDetectionWindow
        {
            set => configurator.Configure<MessagingOptions>(o => o.InboxRetention = value);
        }

        public IEntityFrameworkOutboxConfigurator UseBusOutbox()
        {
            configurator.ReplaceScoped<IScopedBusContextProvider<IBus>, UnitOfWorkBusContextProvider<TDbContext>>();
            return this;
        }
    }

    private sealed class SagaRepositoryConfigurator<TSaga> : IEntityFrameworkSagaRepositoryConfigurator<TSaga>
        where TSaga : class, ISaga
    {
        private ConcurrencyMode _concurrency = ConcurrencyMode.Pessimistic;
        private Func<IServiceProvider, DbContext> _database = provider => provider.GetRequiredService<DbContext>();

        public ConcurrencyMode ConcurrencyMode
        {
            set => _concurrency = value;
        }

        public void ExistingDbContext<TDbContext>()
            where TDbContext : DbContext => _database = provider => provider.GetRequiredService<TDbContext>();

        public void Register(ISagaRepositoryRegistrationConfigurator<TSaga> configurator)
        {
            configurator.AddScoped(provider => new SagaStore<TSaga>(_database(provider), _concurrency));
            if (typeof(TSaga).IsAssignableTo(typeof(SagaStateMachineInstance)))
            {
                configurator.AddScoped(typeof(ISagaTimers), typeof(SagaTimers<>).MakeGenericType(typeof(TSaga)));
            }

            configurator.RegisterLoadSagaRepository<TSaga, SagaContextFactory<TSaga>>();
            configurator.RegisterQuerySagaRepository<TSaga, SagaContextFactory<TSaga>>();
            configurator.RegisterSagaRepository<TSaga, DbContext, SagaConsumeContextFactory<DbContext, TSaga>, SagaContextFactory<TSaga>>();
        }
    }
}
