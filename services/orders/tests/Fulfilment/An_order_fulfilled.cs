using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chassis.Testing;

namespace Orders.Tests.Fulfilment;

/// <summary>The whole orders service, with real database and broker; only inventory is made up.</summary>
public sealed class An_order_fulfilled(FulfilmentFixture fixture) : IClassFixture<FulfilmentFixture>
{
    [Fact]
    public async Task Is_reserved_authorized_confirmed_shipped_captured_and_completed()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa");
        var story = await FulfilmentFixture.Story(customer, id, "completed");

        FulfilmentFixture.Steps(story).ShouldBe(
        [
            "reservingStock: reserved", "authorizingPayment: authorized", "confirming: confirmed", "shipping: dispatched", "recordingShipment: recorded",
            "capturingPayment: captured", "completing: completed",
        ]);
        story["steps"]!.AsArray().ShouldAllBe(s => s!["attempt"]!.GetValue<int>() == 1 && s["ended"] != null);
        (await OrdersFixture.Get(customer, id))["status"]!.GetValue<string>().ShouldBe("completed");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "captured"]);
        var payment = await FulfilmentFixture.PaymentOf(customer, id);
        payment["status"]!.GetValue<string>().ShouldBe("captured");
        payment["amount"]!["amount"]!.GetValue<string>().ShouldBe("39.98");
        (await FulfilmentFixture.Read(customer, $"/v1/payments/{payment["id"]}"))!["orderId"]!.GetValue<Guid>().ShouldBe(id);
        (await Poll.UntilAsync(
            async () => await fixture.Told(Guid.Parse(payment["id"]!.GetValue<string>())), t => t.Contains("processed.v1 2"), "both payment events"))
            .ShouldBe("shop.payment.processed.v1 1, shop.payment.processed.v1 2");
    }

    [Fact]
    public async Task Fails_when_nothing_is_in_stock()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.SoldOut);
        await FulfilmentFixture.Story(customer, id, "failed");

        var order = await OrdersFixture.Get(customer, id);
        order["status"]!.GetValue<string>().ShouldBe("failed");
        order["reason"]!.GetValue<string>().ShouldStartWith("out_of_stock: ");
        (await fixture.Sandbox.Movements(id)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("pm_card_declined", "payment_declined: generic_decline")]
    [InlineData("pm_card_insufficient_funds", "payment_declined: insufficient_funds")]
    public async Task Fails_when_the_card_is_declined_and_gives_the_stock_back(string card, string reason)
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, card);
        await FulfilmentFixture.Story(customer, id, "failed");

        (await OrdersFixture.Get(customer, id))["reason"]!.GetValue<string>().ShouldBe(reason);
        fixture.Inventory.StateOf(id).ShouldBe("released");
        (await FulfilmentFixture.PaymentOf(customer, id))["status"]!.GetValue<string>().ShouldBe("declined");
    }

    [Fact]
    public async Task Is_cancelled_before_it_is_shipped_and_everything_is_undone()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, id, "shipping");
        using var cancelled = await customer.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "changed my mind" });
        cancelled.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var story = await FulfilmentFixture.Story(customer, id, "cancelled");

        FulfilmentFixture.Steps(story).Skip(3).ShouldBe(
            ["shipping: cancelled", "recallingShipment: released", "voidingPayment: voided", "releasingStock: released", "cancelling: cancelled"]);
        (await OrdersFixture.Get(customer, id))["status"]!.GetValue<string>().ShouldBe("cancelled");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "voided"]);
    }

    [Fact]
    public async Task Says_whose_answer_it_waits_for_and_until_when()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.NeverAnswers);
        ShouldAwait(await FulfilmentFixture.Story(customer, id, "reservingStock"), "inventory", TimeSpan.FromMinutes(30));
        await DeadlinePasses(id, "ReservingStock");
        ShouldAwaitNobody(await FulfilmentFixture.Story(customer, id, "failed"));

        id = await FulfilmentFixture.Place(customer, "pm_card_authentication_required");
        var page = await NextAction(customer, id);
        ShouldAwait(await FulfilmentFixture.Story(customer, id, "authorizingPayment"), "payments", TimeSpan.FromMinutes(10));
        await fixture.Sandbox.Act(page, "succeed");
        ShouldAwaitNobody(await FulfilmentFixture.Story(customer, id, "completed"));
    }

    [Fact]
    public async Task Times_out_when_inventory_stays_silent()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.NeverAnswers);

        // The deadline is far away, so that no other order meets it on a busy machine; for this one it is now.
        await DeadlinePasses(id, "ReservingStock");
        await FulfilmentFixture.Story(customer, id, "failed");
        (await OrdersFixture.Get(customer, id))["reason"]!.GetValue<string>().ShouldBe("timed_out: inventory did not answer in time");
    }

    [Fact]
    public async Task Waits_for_its_customer_and_goes_on_when_she_has_acted()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_authentication_required");
        var page = await NextAction(customer, id);
        (await FulfilmentFixture.Read(customer, $"/v1/orders/{id}/fulfilment"))!["state"]!.GetValue<string>().ShouldBe("authorizingPayment");

        (await fixture.Sandbox.Act(page, "succeed")).ShouldBe(HttpStatusCode.OK);
        await FulfilmentFixture.Story(customer, id, "completed");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "captured"]);
        (await FulfilmentFixture.PaymentOf(customer, id)).ShouldSatisfyAllConditions(p => p["waitsFor"].ShouldBeNull(), p => p["nextActionUrl"].ShouldBeNull());
    }

    [Fact]
    public async Task Fails_when_its_customer_does_not_say_that_it_was_her()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_authentication_required");
        await fixture.Sandbox.Act(await NextAction(customer, id), "fail");
        await FulfilmentFixture.Story(customer, id, "failed");
        (await OrdersFixture.Get(customer, id))["reason"]!.GetValue<string>().ShouldBe("payment_declined: payment_intent_authentication_failure");
    }

    [Fact]
    public async Task Times_out_when_its_customer_never_acts_and_she_cannot_act_any_more()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_authentication_required");
        var page = await NextAction(customer, id);
        await DeadlinePasses(id, "AuthorizingPayment");
        var story = await FulfilmentFixture.Story(customer, id, "failed");

        FulfilmentFixture.Steps(story).Skip(1).ShouldBe(
            ["authorizingPayment: timed out", "voidingPayment: voided", "releasingStock: released", "failing: failed"]);
        (await fixture.Sandbox.Act(page, "succeed")).ShouldBe(HttpStatusCode.BadRequest);
        (await fixture.Sandbox.Movements(id)).ShouldBeEmpty("nothing was held at any time");
        (await FulfilmentFixture.PaymentOf(customer, id))["status"]!.GetValue<string>().ShouldBe("voided");
    }

    [Theory]
    [InlineData("pm_card_authentication_required")]
    [InlineData("pm_card_processing_succeeds")]
    public async Task Is_cancelled_while_its_payment_is_pending(string card)
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, card);
        await FulfilmentFixture.Story(customer, id, "authorizingPayment");
        using var cancelled = await customer.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "changed my mind" });
        cancelled.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await FulfilmentFixture.Story(customer, id, "cancelled");
        (await FulfilmentFixture.PaymentOf(customer, id))["status"]!.GetValue<string>().ShouldBe("voided");
        string.Join(", ", await fixture.Sandbox.Movements(id)).ShouldBeOneOf("", "authorized, voided");
    }

    [Theory]
    [InlineData("pm_card_processing_succeeds", "completed")]
    [InlineData("pm_card_processing_fails", "failed")]
    [InlineData("pm_card_stored_error", "completed")]
    public async Task Is_not_held_up_by_a_provider_that_decides_later_or_remembers_its_own_failure(string card, string end)
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, card);
        await FulfilmentFixture.Story(customer, id, end);
        (await fixture.Sandbox.Movements(id)).ShouldBe(end == "completed" ? ["authorized", "captured"] : ["declined"]);
    }

    [Theory]
    [InlineData("pm_card_slow")]
    [InlineData("pm_card_flaky")]
    public async Task Survives_a_card_whose_answers_come_late_or_not_at_all(string card)
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, card);
        await FulfilmentFixture.Story(customer, id, "completed");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "captured"]);
    }

    [Fact]
    public async Task Fails_after_the_shipment_when_the_card_cannot_be_charged_and_nothing_stays_on_hold()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_capture_fails");
        var story = await FulfilmentFixture.Story(customer, id, "failed");

        FulfilmentFixture.Steps(story).Skip(5).ShouldBe(["capturingPayment: declined", "voidingPayment: voided", "failing: failed"]);
        (await OrdersFixture.Get(customer, id))["reason"]!.GetValue<string>().ShouldBe("payment_declined: capture_refused");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "voided"]);
    }

    [Fact]
    public async Task Is_nobody_elses_business()
    {
        using var customer = fixture.Customer();
        using var stranger = fixture.Customer();
        using var @operator = fixture.Operator();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, id, "completed");
        var payment = await FulfilmentFixture.PaymentOf(customer, id);

        (await FulfilmentFixture.Read(stranger, $"/v1/orders/{id}/fulfilment")).ShouldBeNull();
        (await FulfilmentFixture.Read(stranger, $"/v1/payments/{payment["id"]}")).ShouldBeNull();
        (await FulfilmentFixture.Read(stranger, $"/v1/payments?orderId={id}"))!["items"]!.AsArray().ShouldBeEmpty();
        (await FulfilmentFixture.Read(@operator, $"/v1/orders/{id}/fulfilment")).ShouldNotBeNull();
        (await FulfilmentFixture.Read(@operator, $"/v1/payments?orderId={id}"))!["items"]!.AsArray().Count.ShouldBe(1);
        using var forbidden = await customer.GetAsync("/v1/ops/payments/reconciliation");
        forbidden.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    private static async Task<string> NextAction(HttpClient customer, Guid order)
    {
        var payment = await Poll.UntilAsync(
            async () => (await FulfilmentFixture.Read(customer, $"/v1/payments?orderId={order}"))!["items"]!.AsArray().SingleOrDefault() ?? new JsonObject(),
            p => p["nextActionUrl"] is not null,
            "the payment to wait for its customer");
        payment["status"]!.GetValue<string>().ShouldBe("pending");
        payment["waitsFor"]!.GetValue<string>().ShouldBe("requires_action");
        payment["providerReference"].ShouldNotBeNull();
        return payment["nextActionUrl"]!.GetValue<string>();
    }

    private async Task DeadlinePasses(Guid order, string step) => await Poll.UntilAsync(
        () => fixture.Database.ScalarAsync<long>(
            $"""
            WITH deadline AS (
                UPDATE messaging.outbox SET due_at = now()
                WHERE scheduled AND due_at > now() AND position('{order}' IN convert_from(body, 'UTF8')) > 0 AND position('{step}' IN convert_from(body, 'UTF8')) > 0
                RETURNING 1)
            SELECT count(*) FROM deadline
            """),
        moved => moved > 0,
        $"the deadline of {step}");

    private static void ShouldAwait(JsonNode story, string partner, TimeSpan wait)
    {
        story["awaiting"]!.GetValue<string>().ShouldBe(partner);
        story["deadlineAt"]!.GetValue<DateTimeOffset>().ShouldBe(story["steps"]!.AsArray().Last()!["started"]!.GetValue<DateTimeOffset>() + wait);
    }

    private static void ShouldAwaitNobody(JsonNode story) => (story["awaiting"], story["deadlineAt"]).ShouldBe((null, null));
}
