using Orders.Domain;
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
        Done(await driver.Deliver(A.Payment(id, PaymentStatus.Authorized))).ShouldBe([new Confirm(A.Now), new ShipOrder(id, A.Address, A.User)]);
        Done(await driver.Deliver(new ShipmentDispatched(A.User, id, "DHL", "JD014", A.Items, A.Now)))
            .ShouldBe([new Ship(new Shipment(A.User, "DHL", "JD014"), A.Now), new CapturePayment(id)]);
        Done(await driver.Deliver(A.Payment(id, PaymentStatus.Captured))).ShouldBe([new Complete(A.Now)]);

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
    ];

    [Theory]
    [MemberData(nameof(Answers), DisableDiscoveryEnumeration = true)]
    public async Task That_nobody_began_is_not_waited_for_when_an_answer_comes(object answer) =>
        await Should.ThrowAsync<Chassis.Messaging.NonTransientException>(() => driver.Deliver(answer));

    [Fact]
    public async Task That_ended_keeps_no_address()
    {
        await driver.Given(A.Saga(id, "CapturingPayment"));
        await driver.Deliver(A.Payment(id, PaymentStatus.Captured));
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

        driver.Find(id)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("CapturingPayment"), s => s.Address.ShouldBeNull());
        driver.Find(other)!.ShouldSatisfyAllConditions(s => s.CurrentState.ShouldBe("RecallingShipment"), s => s.Address.ShouldBeNull());
    }

    [Fact]
    public async Task That_runs_out_of_stock_fails_the_order_with_inventorys_reason()
    {
        await driver.Deliver(A.Start(id));
        Done(await driver.Deliver(new StockReservationFailed(id, "tea-1: 2 wanted, 0 there", [], A.Now)))
            .ShouldBe([new Fail("out_of_stock: tea-1: 2 wanted, 0 there", null, A.Now)]);
    }

    [Fact]
    public async Task Whose_card_is_declined_gives_the_stock_back_before_the_order_fails()
    {
        await driver.Given(A.Saga(id, "AuthorizingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBe([new ReleaseStock(id, "payment_declined: generic_decline")]);
        Done(await driver.Deliver(new StockReleased(id, A.Items, "declined", A.Now))).ShouldBe([new Fail("payment_declined: generic_decline", null, A.Now)]);
        driver.Find(id)!.CurrentState.ShouldBe("Failed");
    }

    [Fact]
    public async Task That_is_cancelled_while_it_waits_for_dispatch_recalls_the_goods_first_then_the_money()
    {
        await driver.Given(A.Saga(id, "Shipping"));
        (await driver.Deliver(new CancellationRequested(id, "changed my mind"))).ShouldBe([new ReleaseStock(id, "cancelled")]);
        (await driver.Deliver(new StockReleased(id, A.Items, "recalled", A.Now))).ShouldBe([new VoidPayment(id, A.User, A.Total, "pm_card_visa")]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Voided))).ShouldBe([new ReleaseStock(id, "cancelled")]);
        Done(await driver.Deliver(new StockReleased(id, [], "nothing", A.Now))).ShouldBe([new Cancel("changed my mind", null, A.Now)]);
        driver.Find(id)!.CurrentState.ShouldBe("Cancelled");
    }

    [Fact]
    public async Task That_is_cancelled_too_late_goes_on_and_ends_completed()
    {
        await driver.Given(A.Saga(id, "Shipping"));
        await driver.Deliver(new CancellationRequested(id, "changed my mind"));
        await driver.Deliver(new ShipmentDispatched(A.User, id, "DHL", "JD014", A.Items, A.Now));

        var saga = driver.Find(id)!;
        saga.CurrentState.ShouldBe("CapturingPayment");
        saga.Ending.ShouldBeNull();
        saga.Steps[^3].Outcome.ShouldBe("too late: dispatched");
    }

    [Fact]
    public async Task Whose_shipped_goods_cannot_be_charged_frees_the_authorization_before_the_order_fails()
    {
        await driver.Given(A.Saga(id, "CapturingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBe([new VoidPayment(id, A.User, A.Total, "pm_card_visa")]);
        (await driver.Deliver(A.Payment(id, PaymentStatus.Declined))).ShouldBeEmpty("a second copy of the refusal acknowledges nothing");
        Done(await driver.Deliver(A.Payment(id, PaymentStatus.Voided))).ShouldBe([new Fail("payment_declined: generic_decline", null, A.Now)]);
    }

    [Fact]
    public async Task That_refunded_says_so_to_the_order()
    {
        await driver.Given(A.Saga(id, "VoidingPayment"));
        (await driver.Deliver(A.Payment(id, PaymentStatus.Captured))).ShouldBe([new RefundPayment(id)]);
        await driver.Deliver(A.Payment(id, PaymentStatus.Refunded));
        Done(await driver.Deliver(new StockReleased(id, A.Items, "because", A.Now))).ShouldBe([new Fail("timed_out: because", new Money(A.Total.Amount, A.Total.Currency), A.Now)]);
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
    public async Task Whose_payment_is_settled_goes_on_at_once()
    {
        await using var alone = await SagaDriver.StartAsync(new Settled());
        await alone.Given(A.Saga(id, "ReservingStock"));
        await alone.Deliver(new StockReserved(id, A.Items, A.Now));

        var saga = alone.Find(id)!;
        saga.CurrentState.ShouldBe("Shipping");
        saga.Steps.Select(s => $"{s.Step}: {s.Outcome}").ShouldBe(["ReservingStock: reserved", "AuthorizingPayment: authorized", "Confirming: confirmed", "Shipping: "]);
    }

    [Fact]
    public async Task That_has_not_heard_of_its_payment_looks_before_it_gives_up()
    {
        await using var alone = await SagaDriver.StartAsync(new Settled());
        await alone.Given(A.Saga(id, "AuthorizingPayment"));
        await alone.Deliver(new DeadlinePassed(id, "AuthorizingPayment"));
        alone.Find(id)!.CurrentState.ShouldBe("Shipping");
    }

    [Theory]
    [InlineData("Confirming", "Shipping")]
    [InlineData("Completing", "Completed")]
    public async Task That_an_earlier_version_left_between_two_steps_goes_on_with_its_story(string left, string next)
    {
        await driver.Given(A.Saga(id, left));
        await driver.Deliver(new DeadlinePassed(id, left));

        var saga = driver.Find(id)!;
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
        public Task Do(Guid orderId, OrderCommand command, CancellationToken ct) => Task.CompletedTask;

        public Task<PaymentProcessed?> Request(PaymentRequest request, CancellationToken ct) => Outcome(request.OrderId, ct);

        public Task<PaymentProcessed?> Outcome(Guid orderId, CancellationToken ct) => Task.FromResult<PaymentProcessed?>(A.Payment(orderId, PaymentStatus.Authorized));
    }
}
