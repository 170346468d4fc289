using Chassis.Messaging.Sagas;
using Shop.Contracts.Orders.V1;

namespace Orders.Fulfilment;

/// <summary>How the rest of the service tells the saga something, in the transaction in which it happened.</summary>
internal sealed class Fulfilments(ISagaEvents<FulfilmentState> sagas, FulfilmentStateMachine machine)
{
    public Task StartAsync(StartFulfilment order, CancellationToken ct) =>
        sagas.RaiseAsync(machine, machine.StartFulfilment, order, OrdersQueues.Fulfilment, ct);

    public Task TellAsync(PaymentProcessed outcome, CancellationToken ct) =>
        sagas.RaiseAsync(machine, machine.PaymentProcessed, outcome, OrdersQueues.Fulfilment, ct);

    /// <summary>
    /// Whoever changes a payment and may have to tell the saga takes the saga first, as the saga itself does: in the other order two of them would wait for
    /// each other.
    /// </summary>
    public Task LockAsync(Guid orderId, CancellationToken ct) => sagas.LockAsync(orderId, ct);
}
