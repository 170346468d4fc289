using System.Collections.Concurrent;
using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Messaging.Relay;

/// <summary>
/// Each of the service's queues has a second pipeline for them, made by the same configuration as the one behind the broker's queue: the same consumers,
/// policies and observers.
/// </summary>
internal sealed class LocalEndpoints(IServiceProvider provider) : ILocalEndpoints
{
    private readonly ConcurrentDictionary<string, Members> _queues = new();
    private readonly ConcurrentDictionary<string, Lazy<LocalEndpoint?>> _endpoints = new();

    public void AddConsumer(string queue, Type consumer) => _queues.GetOrAdd(queue, _ => new Members()).Consumers[consumer] = true;

    public void AddSaga(string queue, Type saga) => _queues.GetOrAdd(queue, _ => new Members()).Sagas[saga] = true;

    /// <summary>Whoever takes a message there. Of two who take the same one, one would consume the row that the other needs.</summary>
    public void AddMessage(string queue, Type message, Type taker)
    {
        var members = _queues.GetOrAdd(queue, _ => new Members());
        if (members.Takers.GetOrAdd(message, taker) != taker)
        {
            members.IsShared = true;
        }
    }

    // What goes to two consumers there is not for here.
    public ILocalEndpoint? Find(string queue) => _queues.TryGetValue(queue, out var members) && !members.IsShared
        ? _endpoints.GetOrAdd(queue, name => new Lazy<LocalEndpoint?>(() => Make(name, members))).Value
        : null;

    private LocalEndpoint Make(string queue, Members members)
    {
        var registration = provider.GetRequiredService<IBusRegistrationContext>();
        var configuration = provider.GetRequiredService<IBusInstance>().HostConfiguration.CreateReceiveEndpointConfiguration(queue);
        var endpoint = (IReceiveEndpointConfigurator)configuration;
        registration.GetConfigureReceiveEndpoints().Configure(queue, endpoint);
        foreach (var consumer in members.Consumers.Keys)
        {
            registration.ConfigureConsumer(consumer, endpoint);
        }

        foreach (var saga in members.Sagas.Keys)
        {
            registration.ConfigureSaga(saga, endpoint);
        }

        configuration.Validate().ThrowIfContainsFailure($"The local endpoint of {queue} is not valid:");
        return new LocalEndpoint(configuration.CreateReceiveEndpointContext());
    }

    private sealed class Members
    {
        public ConcurrentDictionary<Type, bool> Consumers { get; } = new();

        public ConcurrentDictionary<Type, bool> Sagas { get; } = new();

        public ConcurrentDictionary<Type, Type> Takers { get; } = new();

        public bool IsShared { get; set; }
    }
}

/// <summary>One of them.</summary>
internal sealed class LocalEndpoint(ReceiveEndpointContext context) : ILocalEndpoint
{
    private readonly IReceivePipeDispatcher _dispatcher = context.CreateReceivePipeDispatcher();

    public FairRoom Room { get; } = new(context.ConcurrentMessageLimit ?? context.PrefetchCount);

    public async Task ConsumeAsync(LocalMessage message)
    {
        using var received = new LocalReceiveContext(context, message);
        await _dispatcher.Dispatch(received, WithoutLock.Instance);
    }

    /// <summary>Nobody waits for an acknowledgement.</summary>
    private sealed class WithoutLock : ReceiveLockContext
    {
        public static readonly WithoutLock Instance = new();

        public Task Complete() => Task.CompletedTask;

        public Task Faulted(Exception exception) => Task.CompletedTask;

        public Task ValidateLockStatus() => Task.CompletedTask;
    }
}
