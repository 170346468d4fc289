using System.Collections.Concurrent;
using MassTransit;
using MassTransit.Saga;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orders.Fulfilment;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Runs the saga alone on MassTransit's in-memory transport, one message at a time: <see cref="Deliver"/> returns when the message was consumed, with what the saga
/// asked for meanwhile. Deadlines never come by themselves: a test sends <see cref="DeadlinePassed"/>.
/// </summary>
public sealed class SagaDriver : IAsyncDisposable
{
    private static readonly Uri Queue = new($"queue:{OrdersQueues.Fulfilment}");

    private readonly ServiceProvider services;
    private readonly Observer observer = new();
    private readonly IndexedSagaDictionary<FulfilmentState> sagas;

    private SagaDriver(ServiceProvider services)
    {
        this.services = services;
        sagas = services.GetRequiredService<IndexedSagaDictionary<FulfilmentState>>();
    }

    public FulfilmentStateMachine Machine => services.GetRequiredService<FulfilmentStateMachine>();

    public static async Task<SagaDriver> StartAsync()
    {
        var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(NullLoggerFactory.Instance)
            .AddSingleton(Options.Create(new FulfilmentOptions()))
            .AddMassTransitTestHarness(TextWriter.Null, bus =>
            {
                bus.DisableUsageTelemetry();
                bus.AddSagaStateMachine<FulfilmentStateMachine, FulfilmentState, FulfilmentDefinition>().Endpoint(e => e.Name = OrdersQueues.Fulfilment).InMemoryRepository();
                bus.UsingInMemory((context, cfg) =>
                {
                    cfg.UseDelayedMessageScheduler();
                    cfg.ConfigureEndpoints(context);
                });
            })
            .BuildServiceProvider(validateScopes: true);
        var driver = new SagaDriver(services);
        await services.GetRequiredService<ITestHarness>().Start();
        var bus = services.GetRequiredService<IBusControl>();
        bus.ConnectReceiveObserver(driver.observer);
        bus.ConnectSendObserver(driver.observer);
        return driver;
    }

    public FulfilmentState? Find(Guid order) => sagas[order]?.Instance;

    /// <summary>Puts a saga into a state that it would have reached by itself.</summary>
    public async Task Given(FulfilmentState saga)
    {
        await sagas.MarkInUse(CancellationToken.None);
        try
        {
            sagas.Add(new SagaInstance<FulfilmentState>(saga));
        }
        finally
        {
            sagas.Release();
        }
    }

    /// <param name="message">The event; a deadline passes as the one that the saga waits for now.</param>
    /// <param name="deadlineToken">Another token, for a deadline that the saga waits for no more.</param>
    /// <returns>The commands that the saga sent because of it.</returns>
    public async Task<IReadOnlyList<object>> Deliver(object message, Guid? deadlineToken = null)
    {
        var token = message is DeadlinePassed deadline ? deadlineToken ?? Find(deadline.OrderId)?.DeadlineTokenId : null;
        var id = NewId.NextGuid();
        var consumed = observer.Expect(id);
        observer.Sent.Clear();
        var endpoint = await services.GetRequiredService<IBus>().GetSendEndpoint(Queue);
        await endpoint.Send(message, Pipe.Execute<SendContext>(c =>
        {
            c.MessageId = id;
            if (token is { } value)
            {
                c.Headers.Set(MessageHeaders.SchedulingTokenId, value.ToString("D"));
            }
        }));
        await consumed.WaitAsync(TimeSpan.FromSeconds(10));
        return [.. observer.Sent];
    }

    public async ValueTask DisposeAsync() => await services.DisposeAsync();

    private sealed class Observer : IReceiveObserver, ISendObserver
    {
        private readonly ConcurrentDictionary<Guid, TaskCompletionSource> expected = [];

        public ConcurrentQueue<object> Sent { get; } = [];

        public Task Expect(Guid message) => (expected[message] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context)
        {
            Done(context.GetMessageId(), null);
            return Task.CompletedTask;
        }

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
            where T : class => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
            where T : class
        {
            Done(context.MessageId, exception);
            return Task.CompletedTask;
        }

        public Task ReceiveFault(ReceiveContext context, Exception exception)
        {
            Done(context.GetMessageId(), exception);
            return Task.CompletedTask;
        }

        public Task PreSend<T>(SendContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PostSend<T>(SendContext<T> context)
            where T : class
        {
            if (context.Message.GetType() is { } type && context.DestinationAddress?.AbsolutePath.EndsWith(OrdersQueues.Fulfilment, StringComparison.Ordinal) == false
                && (type.Namespace == typeof(AuthorizePayment).Namespace || type.Namespace == typeof(ReserveStock).Namespace))
            {
                Sent.Enqueue(context.Message);
            }

            return Task.CompletedTask;
        }

        public Task SendFault<T>(SendContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;

        private void Done(Guid? message, Exception? failure)
        {
            if (message is { } id && expected.TryRemove(id, out var waiting))
            {
                if (failure is null)
                {
                    waiting.TrySetResult();
                }
                else
                {
                    waiting.TrySetException(failure);
                }
            }
        }
    }
}
