using Chassis;
using Chassis.Messaging;
using MassTransit;
using Microsoft.Extensions.Options;
using Orders.Domain;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using V1 = Shop.Contracts.Orders.V1;

namespace Orders.Fulfilment;

/// <summary>
/// Fulfils one order. First what each state asks for on entering it and how long it waits, then the answer of every state to every event.
/// </summary>
/// <remarks>
/// Messages may come late, twice and out of order; what a state does not wait for, it ignores. Compensation goes backwards, one acknowledged step at a time:
/// payment, then stock, and only then is the order failed or cancelled. From the dispatch on there is no way back, only forward or to a failed capture.
/// <para>
/// Waited for are inventory, the payment provider, people and time. What the service does by itself, on the order and on the payment's record, is a step of the
/// transition that made it possible and belongs to its transaction. ADR: docs/adr/0004-saga-in-orders.md.
/// </para>
/// </remarks>
[NoLongerTakes(typeof(V1.OrderConfirmed), typeof(V1.OrderShipped), typeof(V1.OrderCompleted), typeof(V1.OrderFailed), typeof(V1.OrderCancelled))]
public sealed class FulfilmentStateMachine : MassTransitStateMachine<FulfilmentState>
{
    private readonly FulfilmentOptions _options;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, Func<BehaviorContext<FulfilmentState>, Task>> _asks = [];
    private readonly Dictionary<string, Func<FulfilmentState, TimeSpan>> _deadlines = [];
    private readonly Dictionary<string, string> _partners = [];

    /// <summary>A saga is about to leave the state that it is in.</summary>
    internal event Action<BehaviorContext<FulfilmentState>>? Leaving;

    public FulfilmentStateMachine(IOptions<FulfilmentOptions> options, TimeProvider clock)
    {
        this._options = options.Value;
        this._clock = clock;
        InstanceState(s => s.CurrentState);
        Correlate();

        WhenLeaveAny(leaving => leaving.Then(context => Leaving?.Invoke(context)));

        // ── what each state asks for, and how long it waits for the answer ──────────────────────────────────────────────────────────────────────────
        AskInventory(ReservingStock, s => new ReserveStock(s.CorrelationId, s.Items), _ => this._options.Reservation);
        AskPayments(AuthorizingPayment, s => new AuthorizePayment(s.CorrelationId, s.UserId, s.Total, s.PaymentMethod), _ => this._options.Authorization);
        AskInventory(Shipping, s => new ShipOrder(s.CorrelationId, s.Address!, s.UserId), _ => this._options.Dispatch);
        AskPayments(CapturingPayment, s => new CapturePayment(s.CorrelationId), AskAgainLater);

        AskInventory(RecallingShipment, s => new ReleaseStock(s.CorrelationId, WhyForOthers(s)), AskAgainLater);
        AskPayments(VoidingPayment, s => new VoidPayment(s.CorrelationId, s.UserId, s.Total, s.PaymentMethod), AskAgainLater);
        AskPayments(RefundingPayment, s => new RefundPayment(s.CorrelationId), AskAgainLater);
        AskInventory(ReleasingStock, s => new ReleaseStock(s.CorrelationId, WhyForOthers(s)), AskAgainLater);

        // ── the way forward ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        Initially(
            When(StartFulfilment).Then(Start).TransitionTo(ReservingStock));

        During(ReservingStock,
            When(StockReserved).Then(Note("reserved")).TransitionTo(AuthorizingPayment),
            When(StockReservationFailed)
                .Then(Fail<StockReservationFailed>("refused", c => $"out_of_stock: {c.Message.Reason}"))
                .ThenAsync(FailOrderAsync)
                .TransitionTo(Failed),
            When(StockReleased).Then(Fail("expired", "timed_out: the reservation expired")).ThenAsync(FailOrderAsync).TransitionTo(Failed),
            When(CancellationRequested).Then(Cancel).TransitionTo(ReleasingStock),
            When(Deadline.Received).Then(Fail("timed out", "timed_out: inventory did not answer in time")).TransitionTo(ReleasingStock));

        During(AuthorizingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Authorized)).Then(Note("authorized")).ThenAsync(ConfirmOrderAsync).TransitionTo(Shipping),
            When(PaymentProcessed, Is(PaymentStatus.Declined)).Then(Fail<PaymentProcessed>("declined", Declined)).TransitionTo(ReleasingStock),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("voided", "payment_declined: the authorization was voided")).TransitionTo(
                ReleasingStock),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(VoidingPayment),
            When(Deadline.Received).ThenAsync(LookAtPaymentAsync).If(IsStillAuthorizing, late => late
                .Then(Fail("timed out", "timed_out: the payment provider did not answer in time")).TransitionTo(VoidingPayment)));

        During(Shipping,
            When(ShipmentDispatched).Then(Note("dispatched")).Then(TakeShipment).ThenAsync(ShipOrderAsync).TransitionTo(CapturingPayment),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("payment voided", "payment_declined: the authorization was voided")).TransitionTo(
                RecallingShipment),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(RecallingShipment),
            When(Deadline.Received).Then(Fail("timed out", "timed_out: the order was not dispatched in time")).TransitionTo(RecallingShipment));

        During(CapturingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Captured)).Then(Note("captured")).ThenAsync(CompleteOrderAsync).TransitionTo(Completed),
            When(PaymentProcessed, Is(PaymentStatus.Declined)).Then(Fail<PaymentProcessed>("declined", Declined)).TransitionTo(VoidingPayment),
            When(PaymentProcessed, Is(PaymentStatus.Voided))
                .Then(Fail("voided", "payment_declined: the authorization was voided"))
                .ThenAsync(FailOrderAsync)
                .TransitionTo(Failed),
            AskAgain());

        // ── the way back ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        During(RecallingShipment,
            When(StockReleased).Then(Note("released")).TransitionTo(VoidingPayment),
            When(ShipmentDispatched).Then(Note("too late: dispatched")).Then(TakeShipment).ThenAsync(ShipOrderAsync).TransitionTo(CapturingPayment),
            AskAgain());

        During(VoidingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Captured)).Then(Note("captured before")).TransitionTo(RefundingPayment),
            When(PaymentProcessed, c => IsUndone(c) && !HasShipped(c)).Then(NoteUndone).TransitionTo(ReleasingStock),
            When(PaymentProcessed, c => IsUndone(c) && HasShipped(c)).Then(NoteUndone).ThenAsync(FailOrderAsync).TransitionTo(Failed),
            AskAgain());

        During(RefundingPayment,
            When(PaymentProcessed, c => IsUndone(c) && !HasShipped(c)).Then(NoteUndone).TransitionTo(ReleasingStock),
            When(PaymentProcessed, c => IsUndone(c) && HasShipped(c)).Then(NoteUndone).ThenAsync(FailOrderAsync).TransitionTo(Failed),
            AskAgain());

        During(ReleasingStock,
            When(StockReleased, c => c.Saga.Ending == Ending.Failed).Then(Note("released")).ThenAsync(FailOrderAsync).TransitionTo(Failed),
            When(StockReleased, c => c.Saga.Ending == Ending.Cancelled).Then(Note("released")).ThenAsync(CancelOrderAsync).TransitionTo(Cancelled),
            AskAgain());

        // ── where the version before waited for itself: its deadline comes, and the step is done (see EarlierVersion) ───────────────────────────────
        During(Confirming,
            When(Deadline.Received).ThenAsync(ConfirmOrderAsync).TransitionTo(Shipping),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("payment voided", "payment_declined: the authorization was voided")).TransitionTo(
                ReleasingStock),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(VoidingPayment));
        During(RecordingShipment, When(Deadline.Received).ThenAsync(ShipOrderAsync).TransitionTo(CapturingPayment));
        During(Completing, When(Deadline.Received).ThenAsync(CompleteOrderAsync).TransitionTo(Completed));
        During(Failing, When(Deadline.Received).ThenAsync(FailOrderAsync).TransitionTo(Failed));
        During(Cancelling, When(Deadline.Received).ThenAsync(CancelOrderAsync).TransitionTo(Cancelled));

        // ── everywhere: what a state does not wait for is late, early or repeated; that is legal, and says nothing ───────────────────────────────────
        foreach (var state in States.Where(s => s != Initial && s != Final))
        {
            During(state, [.. Events.Except(NextEvents(state)).Select(Ignore)]);
        }
    }

    public State ReservingStock { get; private set; } = null!;

    public State AuthorizingPayment { get; private set; } = null!;

    /// <summary>Waits for the dispatch.</summary>
    public State Shipping { get; private set; } = null!;

    public State CapturingPayment { get; private set; } = null!;

    /// <summary>Wants the stock back after shipping was asked for: whichever comes first, release or dispatch, decides.</summary>
    public State RecallingShipment { get; private set; } = null!;

    public State VoidingPayment { get; private set; } = null!;

    public State RefundingPayment { get; private set; } = null!;

    public State ReleasingStock { get; private set; } = null!;

    public State Completed { get; private set; } = null!;

    public State Failed { get; private set; } = null!;

    public State Cancelled { get; private set; } = null!;

    // Steps of a transition, and states of the version before.
    public State Confirming { get; private set; } = null!;

    public State RecordingShipment { get; private set; } = null!;

    public State Completing { get; private set; } = null!;

    public State Failing { get; private set; } = null!;

    public State Cancelling { get; private set; } = null!;

    public Event<StartFulfilment> StartFulfilment { get; private set; } = null!;

    public Event<CancellationRequested> CancellationRequested { get; private set; } = null!;

    public Event<StockReserved> StockReserved { get; private set; } = null!;

    public Event<StockReservationFailed> StockReservationFailed { get; private set; } = null!;

    public Event<StockReleased> StockReleased { get; private set; } = null!;

    public Event<ShipmentDispatched> ShipmentDispatched { get; private set; } = null!;

    public Event<PaymentProcessed> PaymentProcessed { get; private set; } = null!;

    public Schedule<FulfilmentState, DeadlinePassed> Deadline { get; private set; } = null!;

    /// <summary>Whose answer a saga waits for, and when its deadline strikes; null when it waits for nobody's.</summary>
    internal (string Partner, DateTimeOffset Deadline)? Awaited(FulfilmentState saga) => _partners.TryGetValue(saga.CurrentState, out var partner)
        ? (partner, saga.Steps[^1].Started + _deadlines[saga.CurrentState](saga))
        : null;

    /// <summary>The states in which it waits for somebody's answer.</summary>
    internal IEnumerable<string> Waits => _partners.Keys;

    // ── how the rows above are made ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// <summary>
    /// A saga is there as soon as its order is. Only of an order that the version before took in may a wish to cancel come first, and is redelivered.
    /// </summary>
    private void Correlate()
    {
        Event(() => StartFulfilment, e => e.CorrelateById(c => c.Message.OrderId));
        Event(() => CancellationRequested, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Fault()));
        Event(() => StockReserved, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => StockReservationFailed, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => StockReleased, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => ShipmentDispatched, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        // Told by this service in the transaction of the outcome; as a message it comes from a replica of the version before, and from nobody else.
        Event(
            () => PaymentProcessed, e => { e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Discard()); e.ConfigureConsumeTopology = false; });
        Schedule(() => Deadline, s => s.DeadlineTokenId, s => s.Received = e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Discard()));
    }

    /// <summary>
    /// For what only comes because the saga asked: its questions leave when it is committed, and so whoever answers without one speaks of an order that nobody
    /// fulfils here, now and later. Tries and pauses would hold up the orders behind it.
    /// </summary>
    private static IPipe<ConsumeContext<TMessage>> GiveUp<TMessage>(IMissingInstanceConfigurator<FulfilmentState, TMessage> missing)
        where TMessage : class =>
        missing.Execute(context => throw new NonTransientException($"{typeof(TMessage).Name}: no order of this id is being fulfilled here."));

    /// <summary>By a command that leaves when the transition is committed.</summary>
    private void AskInventory<TCommand>(State state, Func<FulfilmentState, TCommand> command, Func<FulfilmentState, TimeSpan> deadline)
        where TCommand : class => Ask(
            state,
            "inventory",
            deadline,
            context => context.SendCommandAsync(Queues.InventoryCommands, command(context.Saga), context.Saga.CorrelationId, context.CancellationToken));

    /// <summary>By a call, in the transition's transaction. What is known by now is the answer, and takes the saga on at once.</summary>
    private void AskPayments(
        State state, Func<FulfilmentState, PaymentRequest> request, Func<FulfilmentState, TimeSpan> deadline) => Ask(state, "payments", deadline, async context =>
    {
        if (await context.GetServiceOrCreateInstance<IPayments>().RequestAsync(request(context.Saga), context.CancellationToken) is { } known)
        {
            await context.Raise(PaymentProcessed, known);
        }
    });

    private void Ask(State state, string partner, Func<FulfilmentState, TimeSpan> deadline, Func<BehaviorContext<FulfilmentState>, Task> ask)
    {
        _partners[state.Name] = partner;
        _asks[state.Name] = ask;
        _deadlines[state.Name] = deadline;
        WhenEnter(state, entering => entering
            .Then(context => Begin(context.Saga, state.Name, attempt: 1))
            .Schedule(Deadline, context => new DeadlinePassed(context.Saga.CorrelationId, state.Name), context => deadline(context.Saga))
            .ThenAsync(ask));
        WhenLeave(state, leaving => leaving.Unschedule(Deadline));
    }

    /// <summary>The deadline's answer where there is nothing to give up: the same question once more.</summary>
    private EventActivities<FulfilmentState> AskAgain() =>
        When(Deadline.Received)
            .Then(context =>
            {
                Note(context.Saga, "no answer, asked again");
                Begin(context.Saga, context.Saga.CurrentState, context.Saga.Attempt + 1);
            })
            .Schedule(
                Deadline,
                context => new DeadlinePassed(context.Saga.CorrelationId, context.Saga.CurrentState),
                context => _deadlines[context.Saga.CurrentState](context.Saga))
            .ThenAsync(context => _asks[context.Saga.CurrentState](context));

    private TimeSpan AskAgainLater(FulfilmentState saga) => _options.AskAgainAfter(saga.Attempt);

    // ── the steps of the order ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    private Task ConfirmOrderAsync(BehaviorContext<FulfilmentState> context)
    {
        context.Saga.Authorized = true;
        return DoAsync(context, Confirming, "confirmed", new Confirm(_clock.GetUtcNow()));
    }

    private Task ShipOrderAsync(BehaviorContext<FulfilmentState> context)
    {
        var saga = context.Saga;
        return DoAsync(
            context, RecordingShipment, "recorded", new Ship(new Shipment(saga.ShipmentId!.Value, saga.Carrier!, saga.TrackingNumber!), _clock.GetUtcNow()));
    }

    private Task CompleteOrderAsync(BehaviorContext<FulfilmentState> context) => EndAsync(context, Completing, "completed", new Complete(_clock.GetUtcNow()));

    private Task FailOrderAsync(BehaviorContext<FulfilmentState> context) =>
        EndAsync(context, Failing, "failed", new Fail(context.Saga.Reason!, Refunded(context.Saga), _clock.GetUtcNow()));

    private Task CancelOrderAsync(BehaviorContext<FulfilmentState> context) =>
        EndAsync(context, Cancelling, "cancelled", new Cancel(context.Saga.Reason!, Refunded(context.Saga), _clock.GetUtcNow()));

    private async Task DoAsync(BehaviorContext<FulfilmentState> context, State step, string outcome, OrderCommand command)
    {
        if (context.Saga.CurrentState != step.Name)
        {
            Begin(context.Saga, step.Name, attempt: 1);
        }

        await context.GetServiceOrCreateInstance<IOrders>().DoAsync(context.Saga.CorrelationId, command, context.CancellationToken);
        Note(context.Saga, outcome);
    }

    private async Task EndAsync(BehaviorContext<FulfilmentState> context, State step, string outcome, OrderCommand command)
    {
        await DoAsync(context, step, outcome, command);
        context.Saga.FinishedAt = context.Saga.ChangedAt = _clock.GetUtcNow();
        context.Saga.Address = null;    // of one that an earlier version began
    }

    private static Domain.Money? Refunded(FulfilmentState saga) => saga.Refunded ? new Domain.Money(saga.Amount, saga.Currency) : null;

    /// <summary>Before a payment is given up: its outcome may be on record without the saga having heard of it, from a replica of the version before.</summary>
    private async Task LookAtPaymentAsync(BehaviorContext<FulfilmentState> context)
    {
        if (await context.GetServiceOrCreateInstance<IPayments>().OutcomeAsync(context.Saga.CorrelationId, context.CancellationToken) is { } known)
        {
            await context.Raise(PaymentProcessed, known);
        }
    }

    private bool IsStillAuthorizing(BehaviorContext<FulfilmentState> context) => context.Saga.CurrentState == AuthorizingPayment.Name;

    private static StateMachineCondition<FulfilmentState, PaymentProcessed> Is(PaymentStatus status) => context => context.Message.Status == status;

    /// <summary>Nothing is held or kept any more. "Declined" says so only of the authorization: of a capture it means that the hold is still there.</summary>
    private static bool IsUndone(BehaviorContext<FulfilmentState, PaymentProcessed> context) => context.Message.Status switch
    {
        PaymentStatus.Voided or PaymentStatus.Refunded => true,
        PaymentStatus.Declined => !context.Saga.Authorized,
        _ => false,
    };

    private static bool HasShipped(BehaviorContext<FulfilmentState, PaymentProcessed> context) => context.Saga.ShipmentId is not null;

    private static string Declined(BehaviorContext<FulfilmentState, PaymentProcessed> context) =>
        $"payment_declined: {context.Message.DeclineCode ?? "declined"}";

    private void Start(BehaviorContext<FulfilmentState, StartFulfilment> context)
    {
        var (saga, order) = (context.Saga, context.Message);
        saga.UserId = order.UserId;
        saga.TenantId = OperationContext.Current.TenantId;
        saga.Items = order.Items;
        saga.Total = order.Total;
        saga.PaymentMethod = order.PaymentMethod;
        saga.Address = order.Address;
        saga.StartedAt = _clock.GetUtcNow();
    }

    private static void TakeShipment(BehaviorContext<FulfilmentState, ShipmentDispatched> context)
    {
        var (saga, shipment) = (context.Saga, context.Message);
        saga.Address = null;
        saga.ShipmentId = shipment.ShipmentId;
        saga.Carrier = shipment.Carrier;
        saga.TrackingNumber = shipment.TrackingNumber;

        // A recall that came too late is off.
        saga.Ending = null;
        saga.Reason = null;
    }

    private Action<BehaviorContext<FulfilmentState>> Fail(string outcome, string reason) => context => EndAs(Ending.Failed, context.Saga, outcome, reason);

    private Action<BehaviorContext<FulfilmentState, T>> Fail<T>(string outcome, Func<BehaviorContext<FulfilmentState, T>, string> reason)
        where T : class => context => EndAs(Ending.Failed, context.Saga, outcome, reason(context));

    private void Cancel(BehaviorContext<FulfilmentState, CancellationRequested> context) =>
        EndAs(Ending.Cancelled, context.Saga, "cancelled", context.Message.Reason);

    // What somebody wrote in their own words is no business of the warehouse, and would have to be found there when the person is erased.
    private static string WhyForOthers(FulfilmentState saga) => saga.Ending == Ending.Cancelled ? "cancelled" : saga.Reason!;

    private void EndAs(Ending ending, FulfilmentState saga, string outcome, string reason)
    {
        Note(saga, outcome);
        saga.Address = null;
        saga.Ending = ending;
        saga.Reason = reason;
    }

    private void NoteUndone(BehaviorContext<FulfilmentState, PaymentProcessed> context)
    {
        context.Saga.Refunded = context.Message.Status == PaymentStatus.Refunded;
        Note(context.Saga, context.Saga.Refunded ? "refunded" : "voided");
    }

    private Action<BehaviorContext<FulfilmentState>> Note(string outcome) => context => Note(context.Saga, outcome);

    private void Begin(FulfilmentState saga, string step, int attempt)
    {
        var now = _clock.GetUtcNow();
        saga.Attempt = attempt;
        saga.ChangedAt = attempt == 1 ? now : saga.ChangedAt;
        saga.Steps = [.. saga.Steps, new FulfilmentStep(step, now, attempt)];
    }

    private void Note(FulfilmentState saga, string outcome) =>
        saga.Steps = [.. saga.Steps.Take(saga.Steps.Count - 1), saga.Steps[^1] with { Ended = _clock.GetUtcNow(), Outcome = outcome }];
}
