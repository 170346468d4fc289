using Orders.Domain;

namespace Orders.Tests.Domain;

public sealed class An_order_under_way : Specification
{
    [Fact]
    public void Goes_from_submitted_to_completed_step_by_step()
    {
        Given(ASubmittedOrder).When(new Confirm(Now)).Then(new OrderConfirmed(OrderId, UserId, [Line(Lamp, 2)], Eur(39.98m), Now)).ConfirmedAt.ShouldBe(Now);
        Given(AConfirmedOrder).When(new Ship(Parcel, Now)).Then(new OrderShipped(OrderId, UserId, Parcel, Now)).Shipment.ShouldBe(Parcel);
        Given(AShippedOrder).When(new Complete(Now)).Then(new OrderCompleted(OrderId, UserId, [Line(Lamp, 2)], Eur(39.98m), Now)).IsTerminal.ShouldBeTrue();
    }

    [Fact]
    public void Skips_no_step()
    {
        Given(ASubmittedOrder).When(new Ship(Parcel, Now)).ThenRefused(OrderErrors.NotConfirmed);
        Given(ASubmittedOrder).When(new Complete(Now)).ThenRefused(OrderErrors.NotShipped);
        Given(AConfirmedOrder).When(new Complete(Now)).ThenRefused(OrderErrors.NotShipped);
        Given(ADraft).When(new Confirm(Now)).ThenRefused(OrderErrors.NotSubmitted);
    }

    [Fact]
    public void Takes_no_step_twice()
    {
        Given(AConfirmedOrder).When(new Confirm(Now)).ThenNothingChanges();
        Given(AShippedOrder).When(new Ship(Parcel, Now)).ThenNothingChanges();
        Given(ACompletedOrder).When(new Complete(Now)).ThenNothingChanges();
        Given(ACancelledOrder).When(new Cancel("again", null, Now)).ThenNothingChanges();
        Given(AFailedOrder).When(new Fail("again", null, Now)).ThenNothingChanges();
    }

    [Fact]
    public void Knows_a_late_repetition_from_something_new()
    {
        Given(ACompletedOrder).When(new Confirm(Now)).ThenNothingChanges();
        Given(ACompletedOrder).When(new Ship(Parcel, Now)).ThenNothingChanges();
        Given(ACompletedOrder).When(new Ship(Parcel with { ShipmentId = UserId }, Now)).ThenRefused(OrderErrors.OtherShipment);
    }

    [Fact]
    public void Is_not_changed_any_more()
    {
        Given(ASubmittedOrder).When(new AddItem(Desk, 1, Now)).ThenRefused(OrderErrors.NotDraft);
        Given(ASubmittedOrder).When(new RemoveItem("LAMP", Now)).ThenRefused(OrderErrors.NotDraft);
        Given(ASubmittedOrder).When(SubmitWith(Lamp)).ThenRefused(OrderErrors.AlreadySubmitted);
    }

    [Fact]
    public void Can_be_cancelled_by_its_customer_until_it_is_shipped()
    {
        var wish = new RequestCancellation("changed my mind", Now);
        var requested = new OrderCancellationRequested(OrderId, "changed my mind", Now);

        Given(ASubmittedOrder).When(wish).Then(requested).Status.ShouldBe(OrderStatus.Submitted);
        Given(AConfirmedOrder).When(wish).Then(requested).CancellationReason.ShouldBe("changed my mind");
        Given([.. ASubmittedOrder, requested]).When(wish).ThenNothingChanges();
        Given(AShippedOrder).When(wish).ThenRefused(OrderErrors.AlreadyShipped);
        Given(ACompletedOrder).When(wish).ThenRefused(OrderErrors.AlreadyCompleted);
    }

    [Fact]
    public void Is_cancelled_when_everything_is_undone()
    {
        var order = Given(AConfirmedOrder).When(new Cancel("changed my mind", Eur(39.98m), Now))
            .Then(new OrderCancelled(OrderId, UserId, "changed my mind", Eur(39.98m), Now));

        order.Status.ShouldBe(OrderStatus.Cancelled);
        order.Refunded.ShouldBe(Eur(39.98m));
        Given(AShippedOrder).When(new Cancel("too late", null, Now)).ThenRefused(OrderErrors.AlreadyShipped);
    }

    [Fact]
    public void Can_fail_at_every_step_before_its_end()
    {
        foreach (var order in new[] { ASubmittedOrder, AConfirmedOrder, AShippedOrder })
        {
            Given(order).When(new Fail("payment_declined: insufficient_funds", null, Now))
                .Then(new OrderFailed(OrderId, UserId, "payment_declined: insufficient_funds", null, Now)).Status.ShouldBe(OrderStatus.Failed);
        }

        Given(ADraft).When(new Fail("timed_out: x", null, Now)).ThenRefused(OrderErrors.NotSubmitted);
    }

    [Fact]
    public void Has_exactly_one_end()
    {
        var ends = new (OrderEvent[] History, OrderError Error)[]
        {
            (ACompletedOrder, OrderErrors.AlreadyCompleted), (ACancelledOrder, OrderErrors.AlreadyCancelled), (AFailedOrder, OrderErrors.AlreadyFailed),
        };
        foreach (var (history, error) in ends)
        {
            var own = Order.Fold(history)!.Status;
            OrderCommand[] others =
            [
                SubmitWith(Lamp),
                new RequestCancellation("x", Now),
                .. own == OrderStatus.Completed ? [] : new OrderCommand[] { new Confirm(Now), new Ship(Parcel, Now), new Complete(Now) },
                .. own == OrderStatus.Cancelled ? [] : new OrderCommand[] { new Cancel("x", null, Now) },
                .. own == OrderStatus.Failed ? [] : new OrderCommand[] { new Fail("x", null, Now) },
            ];
            foreach (var command in others)
            {
                Given(history).When(command).ThenRefused(error);
            }
        }
    }
}
