using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Clients;
using MassTransit.DependencyInjection;
using MassTransit.Middleware;
using MassTransit.Middleware.Outbox;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;

namespace Chassis.Messaging.UnitOfWork;

/// <summary>
/// What <see cref="IPublishEndpoint"/>, <see cref="ISendEndpointProvider"/> and the request client of a scope do: inside of a consumer's
/// transaction they are the consume context, anywhere else they collect rows for the scope's <typeparamref name="TDbContext"/>.
/// </summary>
internal sealed class UnitOfWorkBusContextProvider<TDbContext> : IScopedBusContextProvider<IBus>
    where TDbContext : DbContext
{
    public UnitOfWorkBusContextProvider(
        IBus bus,
        TDbContext database,
        Bind<IBus, IClientFactory> clients,
        Bind<IBus, IScopedConsumeContextProvider> busConsumeContext,
        IScopedConsumeContextProvider consumeContext,
        MessageFormatter formatter,
        IServiceProvider provider)
    {
        var current = busConsumeContext.Value.HasContext ? busConsumeContext.Value.GetContext()
            : consumeContext.HasContext ? consumeContext.GetContext()
            : null;

        // A consumer without the inbox's transaction publishes like a request handler: when it saves.
        Context = current is not null && current.TryGetPayload<ITransactionalContext>(out _)
            ? new ConsumeContextScopedBusContext(current, clients.Value)
            : new UnitOfWorkBusContext(bus, OutboxBuffer.Of(database), formatter, clients.Value, provider);
    }

    public ScopedBusContext Context { get; }
}

internal sealed class UnitOfWorkBusContext(IBus bus, OutboxBuffer outbox, MessageFormatter formatter, IClientFactory clients, IServiceProvider provider)
    : ScopedBusContext, OutboxSendContext
{
    private ISendEndpointProvider? _sendEndpointProvider;
    private IPublishEndpoint? _publishEndpoint;
    private IScopedClientFactory? _clientFactory;

    public ISendEndpointProvider SendEndpointProvider => _sendEndpointProvider ??= new OutboxSendEndpointProvider(this, bus);

    public IPublishEndpoint PublishEndpoint => _publishEndpoint ??= new PublishEndpoint(new OutboxPublishEndpointProvider(this, bus));

    public IScopedClientFactory ClientFactory =>
        _clientFactory ??= new ScopedClientFactory(new ClientFactory(new ScopedClientFactoryContext(clients, provider)), null);

    public Task AddSend<T>(SendContext<T> context)
        where T : class
    {
        outbox.Add(formatter.Format(context));
        return Task.CompletedTask;
    }

    public object? GetService(Type serviceType) => provider.GetService(serviceType);
}
