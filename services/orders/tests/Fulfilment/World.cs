using Orders.Domain;
using Orders.Fulfilment;
using Orders.Payments;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Rules = Orders.Domain.Order;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Everybody whom the saga talks to, for one order: the real order and the real payment in its own house, an inventory and a payment provider of this test.
/// Whatever anybody sends goes into one bag, from which luck takes what comes next, sometimes twice: late, repeated and out of order is the rule here.
/// </summary>
internal sealed class World(Luck luck, Guid orderId) : IPaymentGateway, SagaDriver.IHouse
{
    private readonly List<object> _bag = [];
    private readonly Dictionary<string, PaymentOutcome> _answers = [];
    private OrderState _order = NewOrder(orderId);
    private Payment? _payment;
    private bool _cancelled;

    public string Stock { get; private set; } = "none";

    public PaymentState? AtProvider { get; private set; }

    /// <summary>What a payment at the provider waits for, while it is pending.</summary>
    private string? _waitsFor;

    public bool EverCaptured { get; private set; }

    public OrderStatus Order => _order.Status;

    public Payment? Record => _payment;

    public bool IsQuiet => _bag.Count == 0;

    public string? Card { get; init; }

    public List<string> Log { get; } = [];

    public void Put(object message) => _bag.Add(message);

    /// <summary>Takes what comes next; the same may come once more later.</summary>
    public object Take()
    {
        var index = luck.OneOf(_bag.Count);
        var message = _bag[index];
        if (luck.Chance() >= 0.15)
        {
            _bag.RemoveAt(index);
        }

        Log.Add(message.ToString()!);
        return message;
    }

    /// <summary>Now and then the customer changes her mind, or a reservation expires.</summary>
    public void LetThingsHappen()
    {
        if (!_cancelled && luck.Chance() < 0.03 && Rules.Decide(_order, new RequestCancellation("changed my mind", A.Now)) is Decision.Accepted accepted)
        {
            _cancelled = true;
            _order = accepted.Events.Aggregate(_order, Rules.Evolve);
            Put(new CancellationRequested(orderId, "changed my mind"));
        }

        if (AtProvider == PaymentState.Pending && _waitsFor != ProviderPayment.Confirmation && luck.Chance() is var fate and (< 0.03 or > 0.9))
        {
            AtProvider = fate > 0.9 ? PaymentState.Authorized : PaymentState.Declined;
        }

        if (Stock == "reserved" && luck.Chance() < 0.02)
        {
            Stock = "released";
            Put(new StockReleased(orderId, A.Items, "expired", A.Now));
        }
    }

    public Task DoAsync(Guid order, OrderCommand command, CancellationToken ct)
    {
        this._order = Rules.Decide(this._order, command) switch
        {
            Decision.Accepted accepted => accepted.Events.Aggregate(this._order, Rules.Evolve),
            Decision.Refused { Error: var error } => throw new InvalidOperationException($"The order refuses {command}: {error.Code}."),
            _ => this._order,
        };
        return Task.CompletedTask;
    }

    public Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct)
    {
        Log.Add(request.ToString());
        _payment ??= request is AuthorizePayment
            ? Payment.ToAuthorize(Guid.CreateVersion7(), orderId, A.User, A.Total, "pm_card_visa", A.Now)
            : Payment.VoidedBeforehand(Guid.CreateVersion7(), orderId, A.User, A.Total, "pm_card_visa", A.Now);
        var wanted = request switch
        {
            AuthorizePayment => PaymentOperation.Authorize,
            VoidPayment => PaymentOperation.Void,
            CapturePayment => PaymentOperation.Capture,
            _ => PaymentOperation.Refund,
        };
        switch (_payment.Request(wanted, A.Now))
        {
            case Reaction.Answer:
                return Task.FromResult<PaymentProcessed?>(_payment.ToEvent());
            case Reaction.Execute:
                _payment.Claim(A.Now);
                Put(new ExecutePayment(orderId, _payment.Operation!.Value, IsClaimed: true));
                break;
        }

        return Task.FromResult<PaymentProcessed?>(null);
    }

    public Task<PaymentProcessed?> OutcomeAsync(Guid order, CancellationToken ct) =>
        Task.FromResult(_payment is { Status: not PaymentState.Pending } ? _payment.ToEvent() : null);

    /// <summary>Handles what is for somebody else than the saga.</summary>
    /// <returns>What the saga has to get now; null when nothing.</returns>
    public async Task<object?> Handle(object message)
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
                return null;

            case ReleaseStock when Stock == "shipped":
            case ShipOrder when Stock is "reserved" or "shipped":
                Stock = "shipped";
                Put(new ShipmentDispatched(A.User, orderId, "DHL", "JD014", A.Items, A.Now));
                return null;

            case ReleaseStock or ShipOrder:
                Stock = "released";
                Put(new StockReleased(orderId, [], "released", A.Now));
                return null;

            case ExecutePayment execute:
                await Execute(execute);
                return null;
            case Answered answered:
                return RecordOutcome(answered);
            default:
                return message;
        }
    }

    /// <summary>The call and the recording of its outcome are two things, and a crash may come between them.</summary>
    private async Task Execute(ExecutePayment execute)
    {
        if (_payment!.Operation != execute.Operation)
        {
            return;
        }

        // What came once more than it was sent does not always say so.
        if (!execute.IsClaimed || luck.Chance() < 0.3)
        {
            _payment.Claim(A.Now);
        }

        var outcome = await new PaymentExecution(this, TimeProvider.System).RunAsync(_payment, execute.Operation, CancellationToken.None);
        Put(luck.Chance() < 0.1 ? execute : new Answered(execute.Operation, _payment.Attempts, outcome));
    }

    /// <summary>The saga hears of it in the same transaction; from a replica of the version before, by a message.</summary>
    private PaymentProcessed? RecordOutcome(Answered answered)
    {
        switch (_payment!.Record(answered.Operation, answered.Result, A.Now))
        {
            case Reaction.Answer when luck.Chance() < 0.1:
                Put(_payment.ToEvent());
                break;
            case Reaction.Answer:
                return _payment.ToEvent();
            case Reaction.Execute:
            case Reaction.CheckLater when _payment.Attempts == answered.Attempt:
                Put(new ExecutePayment(orderId, answered.Operation));
                break;
        }

        return null;
    }

    Task<PaymentOutcome> IPaymentGateway.CreateAsync(
        PaymentKey key, Shop.Contracts.Money amount, string paymentMethod, CancellationToken ct) => Call(key.For("authorize"), () =>
    {
        _waitsFor ??= ProviderPayment.Confirmation;
        return AtProvider ??= PaymentState.Pending;
    });

    Task<PaymentOutcome> IPaymentGateway.ConfirmAsync(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("confirm"), () =>
    {
        _payment!.ProviderReference.ShouldBe(reference, "nothing is confirmed before its reference is on record");
        if (AtProvider == PaymentState.Pending && _waitsFor == ProviderPayment.Confirmation)
        {
            _waitsFor = Card is "processing" or "requires_action" ? Card : null;
            AtProvider = _waitsFor is not null ? PaymentState.Pending : Card == "declined" ? PaymentState.Declined : PaymentState.Authorized;
        }

        return AtProvider!.Value;
    });

    Task<PaymentOutcome> IPaymentGateway.CaptureAsync(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("capture"), () =>
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
    Task<PaymentOutcome> IPaymentGateway.VoidAsync(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("void"), () =>
        (AtProvider = AtProvider is PaymentState.Authorized || (AtProvider == PaymentState.Pending && _waitsFor != "processing")
            ? PaymentState.Voided
            : AtProvider)!.Value);

    Task<PaymentOutcome> IPaymentGateway.RefundAsync(PaymentKey key, string reference, CancellationToken ct) => Call(key.For("refund"), () =>
        (AtProvider = AtProvider == PaymentState.Captured ? PaymentState.Refunded : AtProvider)!.Value);

    Task<Lookup> IPaymentGateway.GetAsync(string reference, CancellationToken ct) => Look();

    Task<Lookup> IPaymentGateway.FindAsync(Guid order, CancellationToken ct) => Look();

    IAsyncEnumerable<IReadOnlyList<ProviderPayment>> IPaymentGateway.ListAsync(DateTimeOffset? since, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>Whatever was answered under a key, also a failure, is the answer to every repeat under it.</summary>
    private Task<PaymentOutcome> Call(string key, Func<PaymentState> effect)
    {
        var fate = luck.Chance();
        if (fate < 0.2)
        {
            return Task.FromResult<PaymentOutcome>(new PaymentOutcome.Unknown("lost before it arrived"));
        }

        if (!_answers.TryGetValue(key, out var answer))
        {
            _answers[key] = answer = fate is > 0.4 and < 0.45
                ? new PaymentOutcome.Unknown("the provider is unwell", KeySpent: true)
                : PaymentOutcome.Of(Provider(effect()));
        }

        return Task.FromResult(fate < 0.4 ? new PaymentOutcome.Unknown("the answer got lost") : answer);
    }

    private Task<Lookup> Look() => Task.FromResult<Lookup>(
        luck.Chance() < 0.2 ? new Lookup.Unknown("no answer") : AtProvider is { } state ? new Lookup.Found(Provider(state)) : new Lookup.None());

    private ProviderPayment Provider(PaymentState state) =>
        new(
            "pi_1",
            state,
            A.Total,
            orderId,
            state == PaymentState.Declined ? "generic_decline" : null,
            A.Now,
            state == PaymentState.Pending ? _waitsFor : null);

    private static OrderState NewOrder(Guid id)
    {
        OrderState? state = null;
        foreach (var command in new OrderCommand[]
        {
            new Draft(id, A.User, "EUR", A.Now),
            new AddItem(new Product("tea-1", "Tea", new Money(9.99m, "EUR")), 2, A.Now),
            new Submit(
                "pm_card_visa",
                new Address("Ada", "1", null, "London", "SW1", "GB"),
                [new Product("tea-1", "Tea", new Money(9.99m, "EUR"))],
                new ChargeLimits(0.01m, 999_999.99m),
                A.Now),
        })
        {
            state = ((Decision.Accepted)Rules.Decide(state, command)).Events.Aggregate(state, Rules.Evolve);
        }

        return state!;
    }

    private sealed record Answered(PaymentOperation Operation, int Attempt, PaymentOutcome Result);
}

/// <summary>
/// What is left to chance, as a list from outside, so that it can be repeated and shortened. When the list is over everything goes well, in order.
/// </summary>
/// <param name="draws">Each below <see cref="Of"/>.</param>
internal sealed class Luck(IReadOnlyList<int> draws)
{
    public const int Of = 10_000;

    private int _drawn;

    /// <returns>From 0, with which everything goes wrong, to 1.</returns>
    public double Chance() => _drawn < draws.Count ? (double)draws[_drawn++] / Of : 1;

    public int OneOf(int count) => _drawn < draws.Count ? draws[_drawn++] * count / Of : 0;
}
