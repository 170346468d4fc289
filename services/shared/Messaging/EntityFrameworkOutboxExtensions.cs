using Chassis.Messaging;
using Microsoft.EntityFrameworkCore;

namespace MassTransit;

/// <summary>The saga repository's configuration, named as in MassTransit's Entity Framework Core integration.</summary>
public interface IEntityFrameworkSagaRepositoryConfigurator<TSaga>
    where TSaga : class, ISaga
{
    /// <summary>Optimistic expects a concurrency token (<c>xmin</c>) on the saga; pessimistic, the default, locks its row.</summary>
    ConcurrencyMode ConcurrencyMode { set; }

    /// <summary>The scoped context that the repository works on.</summary>
    void ExistingDbContext<TDbContext>() where TDbContext : DbContext;

    /// <summary>PostgreSQL, the only database there is; here for the sake of MassTransit's documentation.</summary>
    void UsePostgres();
}

/// <summary>Saga storage on the service's own database.</summary>
public static class EntityFrameworkSagaRepositoryExtensions
{
    /// <summary>Stores the saga with Entity Framework Core in the transaction of the message that it consumes.</summary>
    public static ISagaRegistrationConfigurator<TSaga> EntityFrameworkRepository<TSaga>(
        this ISagaRegistrationConfigurator<TSaga> configurator, Action<IEntityFrameworkSagaRepositoryConfigurator<TSaga>>? configure = null)
        where TSaga : class, ISaga => configurator.InMemoryRepository();
}
