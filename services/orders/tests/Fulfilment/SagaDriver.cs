using System.Collections.Concurrent;
using MassTransit;
using MassTransit.Saga;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orders.Domain;
using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Runs the saga alone on MassTransit's in-memory transport, one message at a time: <see cref="Deliver"/> returns when the message was consumed, with what the
/// saga asked for meanwhile, of others and in its own service. Deadlines never come by themselves: a test sends <see cref="DeadlinePassed"/>.
/// </summary>
public sealed class SagaDriver : IAsyncDisposable
{
    private static readonly Uri Queue = new($"queue:{OrdersQueues.Fulfilment}");

    private readonly ServiceProvider _services;
    private readonly Observer _observer;
    private readonly IndexedSagaDictionary<FulfilmentState> _sagas;

    private SagaDriver(ServiceProvider services, Observer observer)
    {
        this._services = services;
        this._observer = observer;
        _sagas = services.GetRequiredService<IndexedSagaDictionary<FulfilmentState>>();
    }

    public FulfilmentStateMachine Machine => _services.GetRequiredService<FulfilmentStateMachine>();

    /// <param name="house">What the saga finds in its own service; without it whatever it does there is noted, and no payment has an outcome yet.</param>
    public static async Task<SagaDriver> StartAsync(IHouse? house = null)
    {
        var observer = new Observer();
        house ??= new Note(observer);
        var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IOrders>(house)
            .AddSingleton<IPayments>(house)
            .AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(NullLoggerFactory.Instance)
            .AddSingleton(Options.Create(new FulfilmentOptions()))
            .AddMassTransitTestHarness(TextWriter.Null, bus =>
            {
                bus.DisableUsageTelemetry();
                bus.AddSagaStateMachine<FulfilmentStateMachine, FulfilmentState, FulfilmentDefinition>()
                    .Endpoint(e => e.Name = OrdersQueues.Fulfilment)
                    .InMemoryRepository();
                bus.UsingInMemory((context, cfg) =>
                {
                    cfg.UseDelayedMessageScheduler();
                    cfg.ConfigureEndpoints(context);
                });
            })
            .BuildServiceProvider(validateScopes: true);
        var driver = new SagaDriver(services, observer);
        await services.GetRequiredService<ITestHarness>().Start();
        var bus = services.GetRequiredService<IBusControl>();
        bus.ConnectReceiveObserver(driver._observer);
        bus.ConnectSendObserver(driver._observer);
        return driver;
    }

    public FulfilmentState? Find(Guid order) => _sagas[order]?.Instance;

    /// <summary>Puts a saga into a state that it would have reached by itself.</summary>
    public async Task Given(FulfilmentState saga)
    {
        await _sagas.MarkInUse(CancellationToken.None);
        try
        {
            _sagas.Add(new SagaInstance<FulfilmentState>(saga));
        }
        finally
        {
            _sagas.Release();
        }
    }

    /// <param name="message">The event; a deadline passes as the one that the saga waits for now.</param>
    /// <param name="deadlineToken">Another token, for a deadline that the saga waits for no more.</param>
    /// <returns>What the saga did and sent because of it.</returns>
    public async Task<IReadOnlyList<object>> Deliver(object message, Guid? deadlineToken = null)
    {
        var token = message is DeadlinePassed deadline ? deadlineToken ?? Find(deadline.OrderId)?.DeadlineTokenId : null;
        var id = NewId.NextGuid();
        var consumed = _observer.Expect(id);
        _observer.Sent.Clear();
        var endpoint = await _services.GetRequiredService<IBus>().GetSendEndpoint(Queue);
        await endpoint.Send(message, Pipe.Execute<SendContext>(c =>
        {
            c.MessageId = id;
            if (token is { } value)
            {
                c.Headers.Set(MessageHeaders.SchedulingTokenId, value.ToString("D"));
            }
        }));
        await consumed.WaitAsync(TimeSpan.FromSeconds(10));
        return [.. _observer.Sent];
    }

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();

    /// <summary>The orders and the payments of the saga's own service.</summary>
    public interface IHouse : IOrders, IPayments;

    private sealed class Note(Observer observer) : IHouse
    {
        public Task DoAsync(Guid orderId, OrderCommand command, CancellationToken ct)
        {
            observer.Sent.Enqueue(command);
            return Task.CompletedTask;
        }

        public Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct)
        {
            observer.Sent.Enqueue(request);
            return Task.FromResult<PaymentProcessed?>(null);
        }

        public Task<PaymentProcessed?> OutcomeAsync(Guid orderId, CancellationToken ct) => Task.FromResult<PaymentProcessed?>(null);
    }

    private sealed class Observer : IReceiveObserver, ISendObserver
    {
        private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _expected = [];

        public ConcurrentQueue<object> Sent { get; } = [];

        public Task Expect(Guid message) => (_expected[message] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

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
            if (context.Message.GetType() is { } type && context.DestinationAddress?.AbsolutePath.EndsWith(
                OrdersQueues.Fulfilment, StringComparison.Ordinal) == false
                && type.Namespace == typeof(ReserveStock).Namespace)
            {
                Sent.Enqueue(context.Message);
            }

            return Task.CompletedTask;
        }

        public Task SendFault<T>(SendContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;

        private void Done(Guid? message, Exception? failure)
        {
            if (message is { } id && _expected.TryRemove(id, out var waiting))
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
