using System.Net;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Orders.Tests.Fulfilment;

namespace Orders.Tests.Payments;

/// <summary>An operator does not want to wait for the next time of asking.</summary>
public sealed class Asking_the_provider(Asking_the_provider.Patient fixture) : IClassFixture<Asking_the_provider.Patient>
{
    [Fact]
    public async Task Brings_the_next_time_forward_and_never_makes_two_of_it()
    {
        using var customer = fixture.Customer();
        using var @operator = fixture.Operator();
        await fixture.Sandbox.Fault(new { kind = "error_before" });
        var order = await FulfilmentFixture.Place(customer, "pm_card_visa");
        var payment = await Unknown(@operator, order);
        payment["unknownReason"]!.GetValue<string>().ShouldNotBeEmpty();
        (await FulfilmentFixture.PaymentOf(customer, order)).ShouldSatisfyAllConditions(
            p => p["unknownReason"].ShouldBeNull("that is for operators"), p => p["attempts"].ShouldBeNull());
        await Poll.UntilAsync(() => Calls(order), n => n == 1, "the next time of asking to be noted");

        for (var asked = 1; asked <= 3; asked++)
        {
            var before = await Attempts(order);
            (await Ask(@operator, payment)).ShouldBe(HttpStatusCode.Accepted);
            await Poll.UntilAsync(() => Attempts(order), n => n > before, "the provider to be asked");
            await Poll.UntilAsync(() => Calls(order), n => n == 1, "one next time, and no more");
        }

        await fixture.Sandbox.NoFaults();
        (await Ask(@operator, payment)).ShouldBe(HttpStatusCode.Accepted);
        await FulfilmentFixture.Story(customer, order, "completed");
        (await fixture.Sandbox.Movements(order)).ShouldBe(["authorized", "captured"]);
        await Poll.UntilAsync(() => Calls(order), n => n == 0, "no next time any more");
        (await Ask(@operator, payment)).ShouldBe(HttpStatusCode.Conflict, "nothing is asked any more");
        (await FulfilmentFixture.Read(@operator, "/v1/payments?unknown=true&limit=200"))!["items"]!.AsArray()
            .ShouldNotContain(p => p!["orderId"]!.GetValue<Guid>() == order);
        (await FulfilmentFixture.Read(@operator, $"/v1/payments?unknown=false&orderId={order}"))!["items"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task Begins_again_where_nobody_asks_any_more()
    {
        using var customer = fixture.Customer();
        using var @operator = fixture.Operator();
        await fixture.Sandbox.Fault(new { kind = "error_before" });
        var order = await FulfilmentFixture.Place(customer, "pm_card_visa");
        var payment = await Unknown(@operator, order);
        await Poll.UntilAsync(() => Calls(order), n => n == 1, "the next time of asking to be noted");
        await fixture.Database.ExecuteAsync($"DELETE FROM messaging.outbox WHERE outbox_key = '{order}' AND exchange = 'orders.payments.calls'");
        await fixture.Sandbox.NoFaults();

        (await Ask(@operator, payment)).ShouldBe(HttpStatusCode.Accepted);

        await FulfilmentFixture.Story(customer, order, "completed");
        (await fixture.Sandbox.Movements(order)).ShouldBe(["authorized", "captured"]);
    }

    [Fact]
    public async Task Is_for_a_payment_that_there_is_and_for_operators()
    {
        using var customer = fixture.Customer();
        using var @operator = fixture.Operator();
        (await Ask(@operator, new JsonObject { ["id"] = Guid.CreateVersion7().ToString() })).ShouldBe(HttpStatusCode.NotFound);
        (await Ask(customer, new JsonObject { ["id"] = Guid.CreateVersion7().ToString() })).ShouldBe(HttpStatusCode.Forbidden);
        using var curious = await customer.GetAsync(new Uri("/v1/payments?unknown=true", UriKind.Relative), TestContext.Current.CancellationToken);
        curious.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        using var senseless = await @operator.GetAsync(new Uri("/v1/payments?status=lost", UriKind.Relative), TestContext.Current.CancellationToken);
        senseless.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Finds_payments_by_how_far_they_are()
    {
        using var customer = fixture.Customer();
        var (paid, declined) = (await FulfilmentFixture.Place(customer, "pm_card_visa"), await FulfilmentFixture.Place(customer, "pm_card_declined"));
        await FulfilmentFixture.Story(customer, paid, "completed");
        await FulfilmentFixture.Story(customer, declined, "failed");

        (await Listed("captured")).ShouldBe([paid]);
        (await Listed("declined")).ShouldBe([declined]);
        (await Listed("voided")).ShouldBeEmpty();

        async Task<IEnumerable<Guid>> Listed(string status) =>
            (await FulfilmentFixture.Read(customer, $"/v1/payments?status={status}"))!["items"]!.AsArray().Select(p => p!["orderId"]!.GetValue<Guid>());
    }

    private static async Task<JsonNode> Unknown(HttpClient @operator, Guid order) => await Poll.UntilAsync(
        async () => (await FulfilmentFixture.Read(@operator, "/v1/payments?unknown=true&limit=200"))!["items"]!.AsArray()
            .SingleOrDefault(p => p!["orderId"]!.GetValue<Guid>() == order) ?? new JsonObject(),
        p => p["id"] is not null,
        "the payment's outcome to be unknown");

    private static async Task<HttpStatusCode> Ask(HttpClient client, JsonNode payment)
    {
        using var answer = await client.PostAsync(
            new Uri($"/v1/ops/payments/{payment["id"]!.GetValue<string>()}/ask", UriKind.Relative), null, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    private Task<int> Attempts(Guid order) => fixture.Database.ScalarAsync<int>($"SELECT attempts FROM payments WHERE order_id = '{order}'");

    // Due in a long time: not the one that is under way.
    private Task<long> Calls(Guid order) => fixture.Database.ScalarAsync<long>(
        $"""
        SELECT CASE WHEN count(*) FILTER (WHERE due_at < now() + interval '5 minutes') > 0 THEN -1 ELSE count(*) END
        FROM messaging.outbox WHERE outbox_key = '{order}' AND exchange = 'orders.payments.calls'
        """);

    /// <summary>The next time of asking is far away.</summary>
    public sealed class Patient : FulfilmentFixture
    {
        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Payments:CheckAgain"] = "00:30:00";
            settings["Payments:CheckAgainAtMost"] = "00:30:00";
            settings["Payments:BreakerMinimumThroughput"] = "1000";
        }
    }
}
