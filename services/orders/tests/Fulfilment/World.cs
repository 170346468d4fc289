using Orders.Domain;
using Orders.Fulfilment;
using Orders.Payments;
using Shop.Contracts.Inventory.V1;
using Rules = Orders.Domain.Order;
using V1 = Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Everybody whom the saga talks to, for one order: the real order and the real payment, an inventory and a payment provider of this test. Whatever anybody sends
/// goes into one bag, from which luck takes what comes next, sometimes twice: late, repeated and out of order is the rule here.
/// </summary>
internal sealed class World(Luck luck, Guid orderId) : IPaymentGateway
{
    private readonly List<object> bag = [];
    private readonly Dictionary<string, PaymentOutcome> answers = [];
    private OrderState order = NewOrder(orderId);
    private Payment? payment;
    private bool cancelled;

    public string Stock { get; private set; } = "none";

    public PaymentState? AtProvider { get; private set; }

    /// <summary>What a payment at the provider waits for, while it is pending.</summary>
    private string? waitsFor;

    public bool EverCaptured { get; private set; }

    public OrderStatus Order => order.Status;

    public Payment? Record => payment;

    public bool IsQuiet => bag.Count == 0;

    public string? Card { get; init; }

    public List<string> Log { get; } = [];

    public void Put(object message) => bag.Add(message);

    /// <summary>Takes what comes next; the same may come once more later.</summary>
    public object Take()
    {
        var index = luck.OneOf(bag.Count);
        var message = bag[index];
        if (luck.Chance() >= 0.15)
        {
            bag.RemoveAt(index);
        }

        Log.Add(message.ToString()!);
        return message;
    }

    /// <summary>Now and then the customer changes her mind, or a reservation expires.</summary>
    public void LetThingsHappen()
    {
        if (!cancelled && luck.Chance() < 0.03 && Rules.Decide(order, new RequestCancellation("changed my mind", A.Now)) is Decision.Accepted accepted)
        {
            cancelled = true;
            order = accepted.Events.Aggregate(order, Rules.Evolve);
            Put(new CancellationRequested(orderId, "changed my mind"));
        }

        if (AtProvider == PaymentState.Pending && waitsFor != ProviderPayment.Confirmation && luck.Chance() is var fate and (< 0.03 or > 0.9))
        {
            AtProvider = fate > 0.9 ? PaymentState.Authorized : PaymentState.Declined;
        }

        if (Stock == "reserved" && luck.Chance() < 0.02)
        {
            Stock = "released";
            Put(new StockReleased(orderId, A.Items, "expired", A.Now));
        }
    }

    /// <summary>Handles what is for somebody else than the saga.</summary>
    /// <returns>False for a message that the saga has to get.</returns>
    public async Task<bool> Handle(object message)
    {
        switch (message)
        {
            case ReserveStock:
                Stock = Stock == "none" ? luck.Chance() < 0.15 ? "refused" : "reserved" : Stock;
                Put(Stock switch
                {
                    "reserved" => new StockReserved(orderId, A.Items, A.Now),
                    "released" => new StockReleased(orderId, [], "released before", A.Now),
                    "shipped" => new StockReserved(orderId, A.Items, A.Now),
                    _ => new StockReservationFailed(orderId, "tea-1: 2 wanted, 0 there", [], A.Now),
                });
                return true;

            case ReleaseStock when Stock == "shipped":
            case ShipOrder when Stock is "reserved" or "shipped":
                Stock = "shipped";
                Put(new ShipmentDispatched(A.User, orderId, "DHL", "JD014", A.Items, A.Now));
                return true;

            case ReleaseStock or ShipOrder:
                Stock = "released";
                Put(new StockReleased(orderId, [], "released", A.Now));
                return true;

            case ConfirmOrder:
                Tell<OrderConfirmed>(new Confirm(A.Now), new V1.OrderConfirmed(orderId, A.User, [], A.Total, A.Now));
                return true;
            case RecordShipment shipment:
                Tell<OrderShipped>(new Ship(new Shipment(shipment.ShipmentId, "DHL", "JD014"), A.Now), new V1.OrderShipped(orderId, A.User, A.User, "DHL", "JD014", A.Now));
                return true;
            case CompleteOrder:
                Tell<OrderCompleted>(new Complete(A.Now), new V1.OrderCompleted(orderId, A.User, A.Total, A.Now));
                return true;
            case FailOrder fail:
                Tell<OrderFailed>(new Fail(fail.Reason, null, A.Now), new V1.OrderFailed(orderId, A.User, fail.Reason, A.Now));
                return true;
            case Orders.Fulfilment.CancelOrder cancel:
                Tell<OrderCancelled>(new Cancel(cancel.Reason, null, A.Now), new V1.OrderCancelled(orderId, A.User, cancel.Reason, A.Now));
                return true;

            case AuthorizePayment:
                payment ??= Payment.ToAuthorize(Guid.CreateVersion7(), orderId, A.User, A.Total, "pm_card_visa", A.Now);
                React(PaymentOperation.Authorize);
                return true;
            case VoidPayment:
                payment ??= Payment.NeverToBe(Guid.CreateVersion7(), orderId, A.User, A.Total, "pm_card_visa", A.Now);
                React(PaymentOperation.Void);
                return true;
            case CapturePayment:
                React(PaymentOperation.Capture);
                return true;
            case RefundPayment:
                React(PaymentOperation.Refund);
                return true;

            case ExecutePayment execute:
                await Execute(execute);
                return true;
            case Outcome outcome:
                RecordOutcome(outcome);
                return true;
            default:
                return false;
        }
    }

    private void Tell<T>(OrderCommand command, object answer)
        where T : OrderEvent
    {
        switch (Rules.Decide(order, command))
        {
            case Decision.Accepted accepted:
                order = accepted.Events.Aggregate(order, Rules.Evolve);
                Put(answer);
                break;
            case Decision.Repeated:
                Put(answer);
                break;
            case Decision.Refused { Error: var error } when error == OrderErrors.NotConfirmed || error == OrderErrors.NotShipped:
                Put(command);
                break;
        }
    }

    private void React(PaymentOperation wanted)
    {
        switch (payment!.Request(wanted, A.Now))
        {
            case Reaction.Answer:
                Put(payment.ToEvent());
                break;
            case Reaction.Execute:
                Put(new ExecutePayment(orderId, payment.Operation!.Value));
                break;
        }
    }

    /// <summary>The call and the recording of its outcome are two things, and a crash may come between them.</summary>
    private async Task Execute(ExecutePayment execute)
    {
        if (payment!.Operation != execute.Operation)
        {
            return;
        }

        payment.Claim(A.Now);
        var outcome = await new PaymentExecution(this, TimeProvider.System).Run(payment, execute.Operation, CancellationToken.None);
        Put(luck.Chance() < 0.1 ? execute : new Outcome(execute.Operation, payment.Attempts, outcome));
    }

    private void RecordOutcome(Outcome outcome)
    {
        switch (payment!.Record(outcome.Operation, outcome.Result, A.Now))
        {
            case Reaction.Answer:
                Put(payment.ToEvent());
                break;
            case Reaction.Execute:
            case Reaction.CheckLater when payment.Attempts == outcome.Attempt:
                Put(new ExecutePayment(orderId, outcome.Operation));
                break;
        }
    }

    Task<PaymentOutcome> IPaymentGateway.Create(PaymentKey key, Shop.Contracts.Money amount, string paymentMethod, CancellationToken ct) => Call(key.For("authorize"), () =>
    {
        waitsFor ??= ProviderPayment.Confirmation;
        return AtProvider ??= PaymentState.Pending;
    });

    Task<PaymentOutcome> IPaymentGateway.Confirm(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("confirm"), () =>
    {
        payment!.ProviderReference.ShouldBe(reference, "nothing is confirmed before its reference is on record");
        if (AtProvider == PaymentState.Pending && waitsFor == ProviderPayment.Confirmation)
        {
            waitsFor = Card is "processing" or "requires_action" ? Card : null;
            AtProvider = waitsFor is not null ? PaymentState.Pending : Card == "declined" ? PaymentState.Declined : PaymentState.Authorized;
        }

        return AtProvider!.Value;
    });

    Task<PaymentOutcome> IPaymentGateway.Capture(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("capture"), () =>
    {
        if (Card == "capture fails" && AtProvider == PaymentState.Authorized)
        {
            return PaymentState.Declined;
        }

        AtProvider = AtProvider == PaymentState.Authorized ? PaymentState.Captured : AtProvider;
        EverCaptured |= AtProvider == PaymentState.Captured;
        return AtProvider!.Value;
    });

    // What is processing cannot be cancelled before it is decided.
    Task<PaymentOutcome> IPaymentGateway.Void(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("void"), () =>
        (AtProvider = AtProvider is PaymentState.Authorized || (AtProvider == PaymentState.Pending && waitsFor != "processing") ? PaymentState.Voided : AtProvider)!.Value);

    Task<PaymentOutcome> IPaymentGateway.Refund(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("refund"), () =>
        (AtProvider = AtProvider == PaymentState.Captured ? PaymentState.Refunded : AtProvider)!.Value);

    Task<Lookup> IPaymentGateway.Get(string reference, CancellationToken ct) => Look();

    Task<Lookup> IPaymentGateway.Find(Guid order, CancellationToken ct) => Look();

    IAsyncEnumerable<IReadOnlyList<ProviderPayment>> IPaymentGateway.List(DateTimeOffset? since, CancellationToken ct) => throw new NotSupportedException();

    /// <summary>Whatever was answered under a key, also a failure, is the answer to every repeat under it.</summary>
    private Task<PaymentOutcome> Call(string key, Func<PaymentState> effect)
    {
        var fate = luck.Chance();
        if (fate < 0.2)
        {
            return Task.FromResult<PaymentOutcome>(new PaymentOutcome.Unknown("lost before it arrived"));
        }

        if (!answers.TryGetValue(key, out var answer))
        {
            answers[key] = answer = fate is > 0.4 and < 0.45 ? new PaymentOutcome.Unknown("the provider is unwell", KeySpent: true) : PaymentOutcome.Of(Provider(effect()));
        }

        return Task.FromResult(fate < 0.4 ? new PaymentOutcome.Unknown("the answer got lost") : answer);
    }

    private Task<Lookup> Look() => Task.FromResult<Lookup>(
        luck.Chance() < 0.2 ? new Lookup.Unknown("no answer") : AtProvider is { } state ? new Lookup.Found(Provider(state)) : new Lookup.None());

    private ProviderPayment Provider(PaymentState state) => new("pi_1", state, A.Total, orderId, state == PaymentState.Declined ? "generic_decline" : null, A.Now, state == PaymentState.Pending ? waitsFor : null);

    private static OrderState NewOrder(Guid id)
    {
        OrderState? state = null;
        foreach (var command in new OrderCommand[]
        {
            new Draft(id, A.User, "EUR", A.Now),
            new AddItem(new Product("tea-1", "Tea", new Money(9.99m, "EUR")), 2, A.Now),
            new Submit("pm_card_visa", new Address("Ada", "1", null, "London", "SW1", "GB"), [new Product("tea-1", "Tea", new Money(9.99m, "EUR"))], new ChargeLimits(0.01m, 999_999.99m), A.Now),
        })
        {
            state = ((Decision.Accepted)Rules.Decide(state, command)).Events.Aggregate(state, Rules.Evolve);
        }

        return state!;
    }

    private sealed record Outcome(PaymentOperation Operation, int Attempt, PaymentOutcome Result);
}

/// <summary>What is left to chance, as a list from outside, so that it can be repeated and shortened. When the list is over everything goes well, in order.</summary>
/// <param name="draws">Each below <see cref="Of"/>.</param>
internal sealed class Luck(IReadOnlyList<int> draws)
{
    public const int Of = 10_000;

    private int drawn;

    /// <returns>From 0, with which everything goes wrong, to 1.</returns>
    public double Chance() => drawn < draws.Count ? (double)draws[drawn++] / Of : 1;

    public int OneOf(int count) => drawn < draws.Count ? draws[drawn++] * count / Of : 0;
}
