using Contracts.Events;
using MassTransit;
using Shop.Contracts;

namespace Orders.Fulfilment;

// What the version before asked of itself over the broker, and what this one does in one transaction with what made it possible: it may still lie in a queue,
// or come from a replica of that version. To be deleted with the states of that version in FulfilmentStateMachine when nobody upgrades from it any more.

public sealed record ConfirmOrder(Guid OrderId);

public sealed record RecordShipment(Guid OrderId, Guid ShipmentId, string Carrier, string TrackingNumber);

public sealed record CompleteOrder(Guid OrderId);

public sealed record FailOrder(Guid OrderId, string Reason, Money? Refunded = null);

public sealed record CancelOrder(Guid OrderId, [PersonalData] string Reason, Money? Refunded = null);

/// <summary>Whatever these ask for the saga does by itself when its deadline comes, a minute after it had asked.</summary>
internal sealed class StepsOfEarlierVersion :
    IConsumer<ConfirmOrder>, IConsumer<RecordShipment>, IConsumer<CompleteOrder>, IConsumer<FailOrder>, IConsumer<CancelOrder>
{
    public Task Consume(ConsumeContext<ConfirmOrder> context) => Task.CompletedTask;

    public Task Consume(ConsumeContext<RecordShipment> context) => Task.CompletedTask;

    public Task Consume(ConsumeContext<CompleteOrder> context) => Task.CompletedTask;

    public Task Consume(ConsumeContext<FailOrder> context) => Task.CompletedTask;

    public Task Consume(ConsumeContext<CancelOrder> context) => Task.CompletedTask;
}

internal sealed class PaymentsOfEarlierVersion(IPayments payments, Fulfilments fulfilments) :
    IConsumer<AuthorizePayment>, IConsumer<CapturePayment>, IConsumer<VoidPayment>, IConsumer<RefundPayment>
{
    public const string Queue = "orders.payments";

    public Task Consume(ConsumeContext<AuthorizePayment> context) => RequestAsync(context.Message, context.CancellationToken);

    public Task Consume(ConsumeContext<CapturePayment> context) => RequestAsync(context.Message, context.CancellationToken);

    public Task Consume(ConsumeContext<VoidPayment> context) => RequestAsync(context.Message, context.CancellationToken);

    public Task Consume(ConsumeContext<RefundPayment> context) => RequestAsync(context.Message, context.CancellationToken);

    private async Task RequestAsync(PaymentRequest request, CancellationToken ct)
    {
        await fulfilments.LockAsync(request.OrderId, ct);
        if (await payments.RequestAsync(request, ct) is { } known)
        {
            await fulfilments.TellAsync(known, ct);
        }
    }
}
