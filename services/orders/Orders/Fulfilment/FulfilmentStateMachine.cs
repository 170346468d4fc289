using Chassis.Messaging;
using Chassis.Web;
using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Fulfilment;

/// <summary>
/// Fulfils one order. First what each state asks for on entering it and how long it waits, then the answer of every state to every event.
/// </summary>
/// <remarks>
/// Messages may come late, twice and out of order; what a state does not wait for, it ignores visibly. Compensation goes backwards, one acknowledged step at a time:
/// payment, then stock, and only then is the order failed or cancelled. From <see cref="RecordingShipment"/> on there is no way back, only forward or to a failed capture.
/// </remarks>
public sealed class FulfilmentStateMachine : MassTransitStateMachine<FulfilmentState>
{
    private readonly FulfilmentOptions options;
    private readonly TimeProvider clock;
    private readonly Dictionary<string, Func<BehaviorContext<FulfilmentState>, Task>> asks = [];
    private readonly Dictionary<string, Func<FulfilmentState, TimeSpan>> deadlines = [];

    public FulfilmentStateMachine(IOptions<FulfilmentOptions> options, TimeProvider clock)
    {
        this.options = options.Value;
        this.clock = clock;
        InstanceState(s => s.CurrentState);
        Correlate();

        // ── what each state asks for, and how long it waits for the answer ──────────────────────────────────────────────────────────────────────────
        Ask(ReservingStock, Queues.InventoryCommands, s => new ReserveStock(s.CorrelationId, s.Items), _ => this.options.Reservation);
        Ask(AuthorizingPayment, OrdersQueues.Payments, s => new AuthorizePayment(s.CorrelationId, s.UserId, s.Total, s.PaymentMethod), _ => this.options.Authorization);
        Ask(Confirming, OrdersQueues.Commands, s => new ConfirmOrder(s.CorrelationId), AskAgainLater);
        Ask(Shipping, Queues.InventoryCommands, s => new ShipOrder(s.CorrelationId, s.Address!, s.UserId), _ => this.options.Dispatch);
        Ask(RecordingShipment, OrdersQueues.Commands, s => new RecordShipment(s.CorrelationId, s.ShipmentId!.Value, s.Carrier!, s.TrackingNumber!), AskAgainLater);
        Ask(CapturingPayment, OrdersQueues.Payments, s => new CapturePayment(s.CorrelationId), AskAgainLater);
        Ask(Completing, OrdersQueues.Commands, s => new CompleteOrder(s.CorrelationId), AskAgainLater);

        Ask(RecallingShipment, Queues.InventoryCommands, s => new ReleaseStock(s.CorrelationId, WhyForOthers(s)), AskAgainLater);
        Ask(VoidingPayment, OrdersQueues.Payments, s => new VoidPayment(s.CorrelationId, s.UserId, s.Total, s.PaymentMethod), AskAgainLater);
        Ask(RefundingPayment, OrdersQueues.Payments, s => new RefundPayment(s.CorrelationId), AskAgainLater);
        Ask(ReleasingStock, Queues.InventoryCommands, s => new ReleaseStock(s.CorrelationId, WhyForOthers(s)), AskAgainLater);
        Ask(Failing, OrdersQueues.Commands, s => new FailOrder(s.CorrelationId, s.Reason!, s.Refunded ? s.Total : null), AskAgainLater);
        Ask(Cancelling, OrdersQueues.Commands, s => new CancelOrder(s.CorrelationId, s.Reason!, s.Refunded ? s.Total : null), AskAgainLater);

        // ── the way forward ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        Initially(
            When(StartFulfilment).Then(Start).TransitionTo(ReservingStock));

        During(ReservingStock,
            When(StockReserved).Then(Note("reserved")).TransitionTo(AuthorizingPayment),
            When(StockReservationFailed).Then(Fail<StockReservationFailed>("refused", c => $"out_of_stock: {c.Message.Reason}")).TransitionTo(Failing),
            When(StockReleased).Then(Fail("expired", "timed_out: the reservation expired")).TransitionTo(Failing),
            When(CancellationRequested).Then(Cancel).TransitionTo(ReleasingStock),
            When(Deadline.Received).Then(Fail("timed out", "timed_out: inventory did not answer in time")).TransitionTo(ReleasingStock));
        Silent(ReservingStock, StartFulfilment, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed, OrderCancelled);

        During(AuthorizingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Authorized)).Then(Note("authorized")).Then(c => c.Saga.Authorized = true).TransitionTo(Confirming),
            When(PaymentProcessed, Is(PaymentStatus.Declined)).Then(Fail<PaymentProcessed>("declined", Declined)).TransitionTo(ReleasingStock),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("voided", "payment_declined: the authorization was voided")).TransitionTo(ReleasingStock),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(VoidingPayment),
            When(Deadline.Received).Then(Fail("timed out", "timed_out: the payment provider did not answer in time")).TransitionTo(VoidingPayment));
        Silent(AuthorizingPayment,
            StartFulfilment, StockReserved, StockReservationFailed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed, OrderCancelled);

        During(Confirming,
            When(OrderConfirmed).Then(Note("confirmed")).TransitionTo(Shipping),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("payment voided", "payment_declined: the authorization was voided")).TransitionTo(ReleasingStock),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(VoidingPayment),
            AskAgain());
        Silent(Confirming, StartFulfilment, StockReserved, StockReservationFailed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed, OrderCancelled);

        During(Shipping,
            When(ShipmentDispatched).Then(Note("dispatched")).Then(TakeShipment).TransitionTo(RecordingShipment),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("payment voided", "payment_declined: the authorization was voided")).TransitionTo(RecallingShipment),
            When(StockReleased).Then(Fail("stock expired", "timed_out: the reservation expired")).TransitionTo(VoidingPayment),
            When(CancellationRequested).Then(Cancel).TransitionTo(RecallingShipment),
            When(Deadline.Received).Then(Fail("timed out", "timed_out: the order was not dispatched in time")).TransitionTo(RecallingShipment));
        Silent(Shipping, StartFulfilment, StockReserved, StockReservationFailed, OrderConfirmed, OrderShipped, OrderCompleted, OrderFailed, OrderCancelled);

        During(RecordingShipment,
            When(OrderShipped).Then(Note("recorded")).TransitionTo(CapturingPayment),
            AskAgain());
        Silent(RecordingShipment,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderCompleted, OrderFailed,
            OrderCancelled, CancellationRequested);

        During(CapturingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Captured)).Then(Note("captured")).TransitionTo(Completing),
            When(PaymentProcessed, Is(PaymentStatus.Declined)).Then(Fail<PaymentProcessed>("declined", Declined)).TransitionTo(VoidingPayment),
            When(PaymentProcessed, Is(PaymentStatus.Voided)).Then(Fail("voided", "payment_declined: the authorization was voided")).TransitionTo(Failing),
            AskAgain());
        Silent(CapturingPayment,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed,
            OrderCancelled, CancellationRequested);

        During(Completing,
            When(OrderCompleted).Then(Note("completed")).Then(Finish).TransitionTo(Completed),
            AskAgain());
        Silent(Completing,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderFailed,
            OrderCancelled, CancellationRequested);

        // ── the way back ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
        During(RecallingShipment,
            When(StockReleased).Then(Note("released")).TransitionTo(VoidingPayment),
            When(ShipmentDispatched).Then(Note("too late: dispatched")).Then(TakeShipment).TransitionTo(RecordingShipment),
            AskAgain());
        Silent(RecallingShipment,
            StartFulfilment, StockReserved, StockReservationFailed, PaymentProcessed, OrderConfirmed, OrderShipped, OrderCompleted, OrderFailed, OrderCancelled,
            CancellationRequested);

        During(VoidingPayment,
            When(PaymentProcessed, Is(PaymentStatus.Captured)).Then(Note("captured before")).TransitionTo(RefundingPayment),
            When(PaymentProcessed, c => IsUndone(c) && !HasShipped(c)).Then(NoteUndone).TransitionTo(ReleasingStock),
            When(PaymentProcessed, c => IsUndone(c) && HasShipped(c)).Then(NoteUndone).TransitionTo(Failing),
            AskAgain());
        Silent(VoidingPayment,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed,
            OrderCancelled, CancellationRequested);

        During(RefundingPayment,
            When(PaymentProcessed, c => IsUndone(c) && !HasShipped(c)).Then(NoteUndone).TransitionTo(ReleasingStock),
            When(PaymentProcessed, c => IsUndone(c) && HasShipped(c)).Then(NoteUndone).TransitionTo(Failing),
            AskAgain());
        Silent(RefundingPayment,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed,
            OrderCancelled, CancellationRequested);

        During(ReleasingStock,
            When(StockReleased, c => c.Saga.Ending == Ending.Failed).Then(Note("released")).TransitionTo(Failing),
            When(StockReleased, c => c.Saga.Ending == Ending.Cancelled).Then(Note("released")).TransitionTo(Cancelling),
            AskAgain());
        Silent(ReleasingStock,
            StartFulfilment, StockReserved, StockReservationFailed, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted, OrderFailed,
            OrderCancelled, CancellationRequested);

        During(Failing,
            When(OrderFailed).Then(Note("failed")).Then(Finish).TransitionTo(Failed),
            AskAgain());
        Silent(Failing,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted,
            OrderCancelled, CancellationRequested);

        During(Cancelling,
            When(OrderCancelled).Then(Note("cancelled")).Then(Finish).TransitionTo(Cancelled),
            AskAgain());
        Silent(Cancelling,
            StartFulfilment, StockReserved, StockReservationFailed, StockReleased, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped, OrderCompleted,
            OrderFailed, CancellationRequested);

        // ── the end: whatever still comes is late ───────────────────────────────────────────────────────────────────────────────────────────────────
        foreach (var end in new[] { Completed, Failed, Cancelled })
        {
            Silent(end,
                StartFulfilment, StockReserved, StockReservationFailed, StockReleased, PaymentProcessed, OrderConfirmed, ShipmentDispatched, OrderShipped,
                OrderCompleted, OrderFailed, OrderCancelled, CancellationRequested, Deadline.Received);
        }
    }

    public State ReservingStock { get; private set; } = null!;

    public State AuthorizingPayment { get; private set; } = null!;

    public State Confirming { get; private set; } = null!;

    /// <summary>Waits for the dispatch.</summary>
    public State Shipping { get; private set; } = null!;

    /// <summary>Dispatched; the order does not know it yet.</summary>
    public State RecordingShipment { get; private set; } = null!;

    public State CapturingPayment { get; private set; } = null!;

    public State Completing { get; private set; } = null!;

    /// <summary>Wants the stock back after shipping was asked for: whichever comes first, release or dispatch, decides.</summary>
    public State RecallingShipment { get; private set; } = null!;

    public State VoidingPayment { get; private set; } = null!;

    public State RefundingPayment { get; private set; } = null!;

    public State ReleasingStock { get; private set; } = null!;

    public State Failing { get; private set; } = null!;

    public State Cancelling { get; private set; } = null!;

    public State Completed { get; private set; } = null!;

    public State Failed { get; private set; } = null!;

    public State Cancelled { get; private set; } = null!;

    public Event<StartFulfilment> StartFulfilment { get; private set; } = null!;

    public Event<CancellationRequested> CancellationRequested { get; private set; } = null!;

    public Event<StockReserved> StockReserved { get; private set; } = null!;

    public Event<StockReservationFailed> StockReservationFailed { get; private set; } = null!;

    public Event<StockReleased> StockReleased { get; private set; } = null!;

    public Event<ShipmentDispatched> ShipmentDispatched { get; private set; } = null!;

    public Event<PaymentProcessed> PaymentProcessed { get; private set; } = null!;

    public Event<OrderConfirmed> OrderConfirmed { get; private set; } = null!;

    public Event<OrderShipped> OrderShipped { get; private set; } = null!;

    public Event<OrderCompleted> OrderCompleted { get; private set; } = null!;

    public Event<OrderFailed> OrderFailed { get; private set; } = null!;

    public Event<OrderCancelled> OrderCancelled { get; private set; } = null!;

    public Schedule<FulfilmentState, DeadlinePassed> Deadline { get; private set; } = null!;

    // ── how the rows above are made ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// <summary>A customer's wish that overtook the start is redelivered until the saga is there. A cancelled draft never had one.</summary>
    private void Correlate()
    {
        Event(() => StartFulfilment, e => e.CorrelateById(c => c.Message.OrderId));
        Event(() => CancellationRequested, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Fault()));
        Event(() => StockReserved, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => StockReservationFailed, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => StockReleased, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => ShipmentDispatched, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => PaymentProcessed, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => OrderConfirmed, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => OrderShipped, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => OrderCompleted, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => OrderFailed, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(GiveUp));
        Event(() => OrderCancelled, e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Discard()));
        Schedule(() => Deadline, s => s.DeadlineTokenId, s => s.Received = e => e.CorrelateById(c => c.Message.OrderId).OnMissingInstance(m => m.Discard()));
    }

    /// <summary>
    /// For what only comes because the saga asked: its questions leave when it is committed, and so whoever answers without one speaks of an order that nobody fulfils here, now and
    /// later. Tries and pauses would hold up the orders behind it.
    /// </summary>
    private static IPipe<ConsumeContext<TMessage>> GiveUp<TMessage>(IMissingInstanceConfigurator<FulfilmentState, TMessage> missing)
        where TMessage : class =>
        missing.Execute(context => throw new NonTransientException($"{typeof(TMessage).Name}: no order of this id is being fulfilled here."));

    private void Ask<TCommand>(State state, string queue, Func<FulfilmentState, TCommand> command, Func<FulfilmentState, TimeSpan> deadline)
        where TCommand : class
    {
        asks[state.Name] = context => context.SendCommand(queue, command(context.Saga), context.Saga.CorrelationId, context.CancellationToken);
        deadlines[state.Name] = deadline;
        WhenEnter(state, entering => entering
            .Then(context => Begin(context.Saga, state.Name, attempt: 1))
            .ThenAsync(asks[state.Name])
            .Schedule(Deadline, context => new DeadlinePassed(context.Saga.CorrelationId, state.Name), context => deadline(context.Saga)));
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
            .ThenAsync(context => asks[context.Saga.CurrentState](context))
            .Schedule(
                Deadline,
                context => new DeadlinePassed(context.Saga.CorrelationId, context.Saga.CurrentState),
                context => deadlines[context.Saga.CurrentState](context.Saga));

    private TimeSpan AskAgainLater(FulfilmentState saga) => options.AskAgainAfter(saga.Attempt);

    /// <summary>Late, early or repeated here: legal, and says nothing.</summary>
    private void Silent(State state, params Event[] events) => During(state, [.. events.Select(Ignore)]);

    private static StateMachineCondition<FulfilmentState, PaymentProcessed> Is(PaymentStatus status) => context => context.Message.Status == status;

    /// <summary>Nothing is held or kept any more. "Declined" says so only of the authorization: of a capture it means that the hold is still there.</summary>
    private static bool IsUndone(BehaviorContext<FulfilmentState, PaymentProcessed> context) => context.Message.Status switch
    {
        PaymentStatus.Voided or PaymentStatus.Refunded => true,
        PaymentStatus.Declined => !context.Saga.Authorized,
        _ => false,
    };

    private static bool HasShipped(BehaviorContext<FulfilmentState, PaymentProcessed> context) => context.Saga.ShipmentId is not null;

    private static string Declined(BehaviorContext<FulfilmentState, PaymentProcessed> context) => $"payment_declined: {context.Message.DeclineCode ?? "declined"}";

    private void Start(BehaviorContext<FulfilmentState, StartFulfilment> context)
    {
        var (saga, order) = (context.Saga, context.Message);
        saga.UserId = order.UserId;
        saga.TenantId = OperationContext.Current.TenantId;
        saga.Items = order.Items;
        saga.Total = order.Total;
        saga.PaymentMethod = order.PaymentMethod;
        saga.Address = order.Address;
        saga.StartedAt = clock.GetUtcNow();
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

    private void Finish(BehaviorContext<FulfilmentState> context)
    {
        context.Saga.FinishedAt = context.Saga.ChangedAt = clock.GetUtcNow();
        context.Saga.Address = null;    // of one that an earlier version began
    }

    private Action<BehaviorContext<FulfilmentState>> Note(string outcome) => context => Note(context.Saga, outcome);

    private void Begin(FulfilmentState saga, string step, int attempt)
    {
        var now = clock.GetUtcNow();
        saga.Attempt = attempt;
        saga.ChangedAt = attempt == 1 ? now : saga.ChangedAt;
        saga.Steps = [.. saga.Steps, new FulfilmentStep(step, now, attempt)];
    }

    private void Note(FulfilmentState saga, string outcome) =>
        saga.Steps = [.. saga.Steps.Take(saga.Steps.Count - 1), saga.Steps[^1] with { Ended = clock.GetUtcNow(), Outcome = outcome }];
}
