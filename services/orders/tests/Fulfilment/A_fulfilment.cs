using Orders.Domain;
using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

public sealed class A_fulfilment : IAsyncLifetime
{
    private readonly Guid _id = Guid.CreateVersion7();
    private SagaDriver _driver = null!;

    public async ValueTask InitializeAsync() => _driver = await SagaDriver.StartAsync();

    public ValueTask DisposeAsync() => _driver.DisposeAsync();

    [Fact]
    public async Task That_goes_well_asks_for_one_thing_after_the_other_and_tells_its_story()
    {
        (await _driver.Deliver(A.Start(_id))).ShouldHaveSingleItem().ShouldBeOfType<ReserveStock>().Items.ShouldBe(A.Items);
        (await _driver.Deliver(new StockReserved(_id, A.Items, A.Now))).ShouldBe([new AuthorizePayment(_id, A.User, A.Total, "pm_card_visa")]);
        Done(await _driver.Deliver(A.Payment(_id, PaymentStatus.Authorized))).ShouldBe([new Confirm(A.Now), new ShipOrder(_id, A.Address, A.User)]);
        Done(await _driver.Deliver(new ShipmentDispatched(A.User, _id, "DHL", "JD014", A.Items, A.Now)))
            .ShouldBe([new Ship(new Shipment(A.User, "DHL", "JD014"), A.Now), new CapturePayment(_id)]);
        Done(await _driver.Deliver(A.Payment(_id, PaymentStatus.Captured))).ShouldBe([new Complete(A.Now)]);

        var saga = _driver.Find(_id)!;
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
    ];

    [Theory]
    [MemberData(nameof(Answers), DisableDiscoveryEnumeration = true)]
    public async Task That_nobody_began_is_not_waited_for_when_an_answer_comes(object answer) =>
        await Should.ThrowAsync<Chassis.Messaging.NonTransientException>(() => _driver.Deliver(answer));

    [Fact]
    public async Task That_ended_keeps_no_address()
    {
        await _driver.Given(A.Saga(_id, "CapturingPayment"));
        await _driver.Deliver(A.Payment(_id, PaymentStatus.Captured));
        _driver.Find(_id)!.Address.ShouldBeNull();
    }

    [Fact]
    public async Task Keeps_the_address_no_longer_than_the_parcel_needs_it()
    {
        var other = Guid.CreateVersion7();
        await _driver.Given(A.Saga(_id, "Shipping"));
        await _driver.Given(A.Saga(other, "Shipping"));
        _driver.Find(_id)!.Address.ShouldNotBeNull();

        await _driver.Deliver(new ShipmentDispatched(A.User, _id, "DHL", "JD014", [], A.Now));
        await _driver.Deliver(new CancellationRequested(other, "changed my mind"));

        _driver.Find(_id)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("CapturingPayment"), s => s.Address.ShouldBeNull());
        _driver.Find(other)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("RecallingShipment"), s => s.Address.ShouldBeNull());
    }

    [Fact]
    public async Task That_runs_out_of_stock_fails_the_order_with_inventorys_reason()
    {
        await _driver.Deliver(A.Start(_id));
        Done(await _driver.Deliver(new StockReservationFailed(_id, "tea-1: 2 wanted, 0 there", [], A.Now)))
            .ShouldBe([new Fail("out_of_stock: tea-1: 2 wanted, 0 there", null, A.Now)]);
    }

    [Fact]
    public async Task Whose_card_is_declined_gives_the_stock_back_before_the_order_fails()
    {
        await _driver.Given(A.Saga(_id, "AuthorizingPayment"));
        (await _driver.Deliver(A.Payment(_id, PaymentStatus.Declined))).ShouldBe([new ReleaseStock(_id, "payment_declined: generic_decline")]);
        Done(await _driver.Deliver(new StockReleased(_id, A.Items, "declined", A.Now))).ShouldBe([new Fail("payment_declined: generic_decline", null, A.Now)]);
        _driver.Find(_id)!.CurrentState.ShouldBe("Failed");
    }

    [Fact]
    public async Task That_is_cancelled_while_it_waits_for_dispatch_recalls_the_goods_first_then_the_money()
    {
        await _driver.Given(A.Saga(_id, "Shipping"));
        (await _driver.Deliver(new CancellationRequested(_id, "changed my mind"))).ShouldBe([new ReleaseStock(_id, "cancelled")]);
        (await _driver.Deliver(new StockReleased(_id, A.Items, "recalled", A.Now))).ShouldBe([new VoidPayment(_id, A.User, A.Total, "pm_card_visa")]);
        (await _driver.Deliver(A.Payment(_id, PaymentStatus.Voided))).ShouldBe([new ReleaseStock(_id, "cancelled")]);
        Done(await _driver.Deliver(new StockReleased(_id, [], "nothing", A.Now))).ShouldBe([new Cancel("changed my mind", null, A.Now)]);
        _driver.Find(_id)!.CurrentState.ShouldBe("Cancelled");
    }

    [Fact]
    public async Task That_is_cancelled_too_late_goes_on_and_ends_completed()
    {
        await _driver.Given(A.Saga(_id, "Shipping"));
        await _driver.Deliver(new CancellationRequested(_id, "changed my mind"));
        await _driver.Deliver(new ShipmentDispatched(A.User, _id, "DHL", "JD014", A.Items, A.Now));

        var saga = _driver.Find(_id)!;
        saga.CurrentState.ShouldBe("CapturingPayment");
        saga.Ending.ShouldBeNull();
        saga.Steps[^3].Outcome.ShouldBe("too late: dispatched");
    }

    [Fact]
    public async Task Whose_shipped_goods_cannot_be_charged_frees_the_authorization_before_the_order_fails()
    {
        await _driver.Given(A.Saga(_id, "CapturingPayment"));
        (await _driver.Deliver(A.Payment(_id, PaymentStatus.Declined))).ShouldBe([new VoidPayment(_id, A.User, A.Total, "pm_card_visa")]);
        (await _driver.Deliver(A.Payment(_id, PaymentStatus.Declined))).ShouldBeEmpty("a second copy of the refusal acknowledges nothing");
        Done(await _driver.Deliver(A.Payment(_id, PaymentStatus.Voided))).ShouldBe([new Fail("payment_declined: generic_decline", null, A.Now)]);
    }

    [Fact]
    public async Task That_refunded_says_so_to_the_order()
    {
        await _driver.Given(A.Saga(_id, "VoidingPayment"));
        (await _driver.Deliver(A.Payment(_id, PaymentStatus.Captured))).ShouldBe([new RefundPayment(_id)]);
        await _driver.Deliver(A.Payment(_id, PaymentStatus.Refunded));
        Done(await _driver.Deliver(new StockReleased(_id, A.Items, "because", A.Now))).ShouldBe(
            [new Fail("timed_out: because", new Money(A.Total.Amount, A.Total.Currency), A.Now)]);
    }

    [Fact]
    public async Task That_gets_no_answer_asks_again_and_counts()
    {
        await _driver.Given(A.Saga(_id, "ReleasingStock"));
        await _driver.Deliver(new DeadlinePassed(_id, "ReleasingStock"));
        await _driver.Deliver(new DeadlinePassed(_id, "ReleasingStock"));

        _driver.Find(_id)!.Steps.Select(s => (s.Outcome, s.Attempt)).ShouldBe([("no answer, asked again", 1), ("no answer, asked again", 2), (null, 3)]);
        _driver.Find(_id)!.ChangedAt.ShouldBe(A.Now, "it has not moved since, and its age says so");
    }

    [Fact]
    public async Task Is_not_disturbed_by_the_deadline_of_a_step_that_is_over()
    {
        await _driver.Deliver(A.Start(_id));
        var old = _driver.Find(_id)!.DeadlineTokenId;
        await _driver.Deliver(new StockReserved(_id, A.Items, A.Now));
        (await _driver.Deliver(new DeadlinePassed(_id, "ReservingStock"), old)).ShouldBeEmpty();
        _driver.Find(_id)!.CurrentState.ShouldBe("AuthorizingPayment");
    }

    [Fact]
    public async Task That_has_not_begun_yet_makes_a_cancellation_wait_instead_of_losing_it() =>
        await Should.ThrowAsync<MassTransit.SagaException>(() => _driver.Deliver(new CancellationRequested(_id, "changed my mind")));

    [Fact]
    public async Task Whose_payment_is_settled_goes_on_at_once()
    {
        await using var alone = await SagaDriver.StartAsync(new Settled());
        await alone.Given(A.Saga(_id, "ReservingStock"));
        await alone.Deliver(new StockReserved(_id, A.Items, A.Now));

        var saga = alone.Find(_id)!;
        saga.CurrentState.ShouldBe("Shipping");
        saga.Steps.Select(s => $"{s.Step}: {s.Outcome}").ShouldBe(
            ["ReservingStock: reserved", "AuthorizingPayment: authorized", "Confirming: confirmed", "Shipping: "]);
    }

    [Fact]
    public async Task That_has_not_heard_of_its_payment_looks_before_it_gives_up()
    {
        await using var alone = await SagaDriver.StartAsync(new Settled());
        await alone.Given(A.Saga(_id, "AuthorizingPayment"));
        await alone.Deliver(new DeadlinePassed(_id, "AuthorizingPayment"));
        alone.Find(_id)!.CurrentState.ShouldBe("Shipping");
    }

    [Theory]
    [InlineData("Confirming", "Shipping")]
    [InlineData("Completing", "Completed")]
    public async Task That_an_earlier_version_left_between_two_steps_goes_on_with_its_story(string left, string next)
    {
        await _driver.Given(A.Saga(_id, left));
        await _driver.Deliver(new DeadlinePassed(_id, left));

        var saga = _driver.Find(_id)!;
        saga.CurrentState.ShouldBe(next);
        saga.Steps.Count(s => s.Step == left).ShouldBe(1);
        saga.Steps[0].Outcome.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(2, 120)]
    [InlineData(4, 480)]
    [InlineData(40, 3600)]
    public void Asks_less_and_less_often(int attempt, int seconds) => new FulfilmentOptions().AskAgainAfter(attempt).ShouldBe(TimeSpan.FromSeconds(seconds));

    // The machine asks the clock; what it does is compared without.
    private static IEnumerable<object> Done(IReadOnlyList<object> sent) => sent.Select(s => s is OrderCommand command ? command with { At = A.Now } : s);

    private sealed class Settled : SagaDriver.IHouse
    {
        public Task DoAsync(Guid orderId, OrderCommand command, CancellationToken ct) => Task.CompletedTask;

        public Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct) => OutcomeAsync(request.OrderId, ct);

        public Task<PaymentProcessed?> OutcomeAsync(Guid orderId, CancellationToken ct) =>
            Task.FromResult<PaymentProcessed?>(A.Payment(orderId, PaymentStatus.Authorized));
    }
}
