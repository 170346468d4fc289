using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

public sealed class A_fulfilment : IAsyncLifetime
{
    private readonly Guid id = Guid.CreateVersion7();
    private SagaDriver driver = null!;

    public async ValueTask InitializeAsync() => driver = await SagaDriver.StartAsync();

    public ValueTask DisposeAsync() => driver.DisposeAsync();

    [Fact]
    public async Task That_goes_well_asks_for_one_thing_after_the_other_and_tells_its_story()
    {
        (await driver.Deliver(A.Start(id))).ShouldHaveSingleItem().ShouldBeOfType<ReserveStock>().Items.ShouldBe(A.Items);
        (await driver.Deliver(new StockReserved(id, A.Items, A.Now))).ShouldBe([new AuthorizePayment(id, A.User, A.Total, "pm_card_visa")]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Authorized))).ShouldBe([new ConfirmOrder(id)]);
        (await driver.Deliver(new OrderConfirmed(id, A.User, [], A.Total, A.Now))).ShouldBe([new ShipOrder(id, A.Address, A.User)]);
        (await driver.Deliver(new ShipmentDispatched(A.User, id, "DHL", "JD014", A.Items, A.Now))).ShouldBe([new RecordShipment(id, A.User, "DHL", "JD014")]);
        (await driver.Deliver(new OrderShipped(id, A.User, A.User, "DHL", "JD014", A.Now))).ShouldBe([new CapturePayment(id)]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Captured))).ShouldBe([new CompleteOrder(id)]);
        (await driver.Deliver(new OrderCompleted(id, A.User, A.Total, A.Now))).ShouldBeEmpty();

        var saga = driver.Find(id)!;
        saga.CurrentState.ShouldBe("Completed");
        saga.FinishedAt.ShouldNotBeNull();
        saga.Steps.Select(s => (s.Step, s.Outcome, s.Attempt)).ShouldBe(
        [
            ("ReservingStock", "reserved", 1),
            ("AuthorizingPayment", "authorized", 1),
            ("Confirming", "confirmed", 1),
            ("Shipping", "dispatched", 1),
            ("RecordingShipment", "recorded", 1),
            ("CapturingPayment", "captured", 1),
            ("Completing", "completed", 1),
        ]);
        saga.Steps.ShouldAllBe(s => s.Ended >= s.Started);
    }

    public static TheoryData<object> Answers =>
    [
        new StockReserved(Guid.CreateVersion7(), A.Items, A.Now),
        new ShipmentDispatched(A.User, Guid.CreateVersion7(), "DHL", "JD014", A.Items, A.Now),
        A.Payment(Guid.CreateVersion7(), PaymentStatus.Authorized),
        new OrderConfirmed(Guid.CreateVersion7(), A.User, [], A.Total, A.Now),
    ];

    [Theory]
    [MemberData(nameof(Answers), DisableDiscoveryEnumeration = true)]
    public async Task That_nobody_began_is_not_waited_for_when_an_answer_comes(object answer) =>
        await Should.ThrowAsync<Chassis.Messaging.NonTransientException>(() => driver.Deliver(answer));

    [Fact]
    public async Task That_ended_keeps_no_address()
    {
        await driver.Given(A.Saga(id, "Completing"));
        await driver.Deliver(new OrderCompleted(id, A.User, A.Total, A.Now));
        driver.Find(id)!.Address.ShouldBeNull();
    }

    [Fact]
    public async Task Keeps_the_address_no_longer_than_the_parcel_needs_it()
    {
        var other = Guid.CreateVersion7();
        await driver.Given(A.Saga(id, "Shipping"));
        await driver.Given(A.Saga(other, "Shipping"));
        driver.Find(id)!.Address.ShouldNotBeNull();

        await driver.Deliver(new ShipmentDispatched(A.User, id, "DHL", "JD014", [], A.Now));
        await driver.Deliver(new CancellationRequested(other, "changed my mind"));

        driver.Find(id)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("RecordingShipment"), s => s.Address.ShouldBeNull());
        driver.Find(other)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("RecallingShipment"), s => s.Address.ShouldBeNull());
    }

    [Fact]
    public async Task That_runs_out_of_stock_fails_the_order_with_inventorys_reason()
    {
        await driver.Deliver(A.Start(id));
        (await driver.Deliver(new StockReservationFailed(id, "tea-1: 2 wanted, 0 there", [], A.Now)))
            .ShouldBe([new FailOrder(id, "out_of_stock: tea-1: 2 wanted, 0 there")]);
    }

    [Fact]
    public async Task Whose_card_is_declined_gives_the_stock_back_before_the_order_fails()
    {
        await driver.Given(A.Saga(id, "AuthorizingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBe([new ReleaseStock(id, "payment_declined: generic_decline")]);
        (await driver.Deliver(new StockReleased(id, A.Items, "declined", A.Now))).ShouldBe([new FailOrder(id, "payment_declined: generic_decline")]);
        await driver.Deliver(new OrderFailed(id, A.User, "payment_declined: generic_decline", A.Now));
        driver.Find(id)!.CurrentState.ShouldBe("Failed");
    }

    [Fact]
    public async Task That_is_cancelled_while_it_waits_for_dispatch_recalls_the_goods_first_then_the_money()
    {
        await driver.Given(A.Saga(id, "Shipping"));
        (await driver.Deliver(new CancellationRequested(id, "changed my mind"))).ShouldBe([new ReleaseStock(id, "cancelled")]);
        (await driver.Deliver(new StockReleased(id, A.Items, "recalled", A.Now))).ShouldBe([new VoidPayment(id, A.User, A.Total, "pm_card_visa")]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Voided))).ShouldBe([new ReleaseStock(id, "cancelled")]);
        (await driver.Deliver(new StockReleased(id, [], "nothing", A.Now))).ShouldBe([new CancelOrder(id, "changed my mind")]);
        await driver.Deliver(new OrderCancelled(id, A.User, "changed my mind", A.Now));
        driver.Find(id)!.CurrentState.ShouldBe("Cancelled");
    }

    [Fact]
    public async Task That_is_cancelled_too_late_goes_on_and_ends_completed()
    {
        await driver.Given(A.Saga(id, "Shipping"));
        await driver.Deliver(new CancellationRequested(id, "changed my mind"));
        await driver.Deliver(new ShipmentDispatched(A.User, id, "DHL", "JD014", A.Items, A.Now));

        var saga = driver.Find(id)!;
        saga.CurrentState.ShouldBe("RecordingShipment");
        saga.Ending.ShouldBeNull();
        saga.Steps[^2].Outcome.ShouldBe("too late: dispatched");
    }

    [Fact]
    public async Task Whose_shipped_goods_cannot_be_charged_frees_the_authorization_before_the_order_fails()
    {
        await driver.Given(A.Saga(id, "CapturingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBe([new VoidPayment(id, A.User, A.Total, "pm_card_visa")]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBeEmpty("a second copy of the refusal acknowledges nothing");
        (await driver.Deliver(A.Payment(id, PaymentStatus.Voided))).ShouldBe([new FailOrder(id, "payment_declined: generic_decline")]);
    }

    [Fact]
    public async Task That_refunded_says_so_to_the_order()
    {
        await driver.Given(A.Saga(id, "VoidingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Captured))).ShouldBe([new RefundPayment(id)]);
        await driver.Deliver(A.Payment(id, PaymentStatus.Refunded));
        (await driver.Deliver(new StockReleased(id, A.Items, "because", A.Now))).ShouldBe([new FailOrder(id, "timed_out: because", A.Total)]);
    }

    [Fact]
    public async Task That_gets_no_answer_asks_again_and_counts()
    {
        await driver.Given(A.Saga(id, "ReleasingStock"));
        await driver.Deliver(new DeadlinePassed(id, "ReleasingStock"));
        await driver.Deliver(new DeadlinePassed(id, "ReleasingStock"));

        driver.Find(id)!.Steps.Select(s => (s.Outcome, s.Attempt)).ShouldBe([("no answer, asked again", 1), ("no answer, asked again", 2), (null, 3)]);
        driver.Find(id)!.ChangedAt.ShouldBe(A.Now, "it has not moved since, and its age says so");
    }

    [Fact]
    public async Task Is_not_disturbed_by_the_deadline_of_a_step_that_is_over()
    {
        await driver.Deliver(A.Start(id));
        var old = driver.Find(id)!.DeadlineTokenId;
        await driver.Deliver(new StockReserved(id, A.Items, A.Now));
        (await driver.Deliver(new DeadlinePassed(id, "ReservingStock"), old)).ShouldBeEmpty();
        driver.Find(id)!.CurrentState.ShouldBe("AuthorizingPayment");
    }

    [Fact]
    public async Task That_has_not_begun_yet_makes_a_cancellation_wait_instead_of_losing_it() =>
        await Should.ThrowAsync<MassTransit.SagaException>(() => driver.Deliver(new CancellationRequested(id, "changed my mind")));

    [Fact]
    public async Task Never_existed_for_a_cancelled_draft()
    {
        (await driver.Deliver(new OrderCancelled(id, A.User, "a draft", A.Now))).ShouldBeEmpty();
        driver.Find(id).ShouldBeNull();
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(2, 120)]
    [InlineData(4, 480)]
    [InlineData(40, 3600)]
    public void Asks_less_and_less_often(int attempt, int seconds) => new FulfilmentOptions().AskAgainAfter(attempt).ShouldBe(TimeSpan.FromSeconds(seconds));
}
