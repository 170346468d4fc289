using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Chassis.Testing;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orders.Payments;
using Orders.Tests.Fulfilment;

namespace Orders.Tests.Payments;

/// <summary>Our records against the provider's ledger, also when one of the two sides was struck in between.</summary>
public sealed class The_books(FulfilmentFixture fixture) : IClassFixture<FulfilmentFixture>
{
    [Fact]
    public async Task Are_balanced_after_orders_that_ended_in_every_way()
    {
        using var customer = fixture.Customer();
        foreach (var (card, end) in new[]
        {
            ("pm_card_visa", "completed"), ("pm_card_declined", "failed"), ("pm_card_slow", "completed"), ("pm_card_flaky", "completed"), ("pm_card_capture_fails", "failed"),
        })
        {
            await FulfilmentFixture.Story(customer, await FulfilmentFixture.Place(customer, card), end);
        }

        var books = await Reconcile();
        books["reconciled"]!.GetValue<bool>().ShouldBeTrue(books.ToJsonString());
        books["differences"]!.AsArray().ShouldBeEmpty();
        books["matched"]!.GetValue<int>().ShouldBeGreaterThanOrEqualTo(5);
    }

    [Fact]
    public async Task Show_every_kind_of_difference()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, id, "completed");

        var reference = await fixture.Database.ScalarAsync<string>($"SELECT provider_reference FROM payments WHERE order_id = '{id}'");
        await fixture.Database.ExecuteAsync($"UPDATE payments SET status = 'voided' WHERE order_id = '{id}'");
        (await Differences(id)).ShouldBe(["completed_not_captured", "status"], ignoreOrder: true);

        await fixture.Database.ExecuteAsync($"UPDATE payments SET status = 'captured', amount = 1 WHERE order_id = '{id}'");
        (await Differences(id)).ShouldBe(["amount"]);

        await fixture.Database.ExecuteAsync($"UPDATE payments SET amount = 39.984 WHERE order_id = '{id}'");
        (await Differences(id)).ShouldBe(["amount"], "also when it is less than the smallest coin");

        await fixture.Database.ExecuteAsync(
            $"UPDATE payments SET amount = 39.98, provider_reference = 'pi_unheard_of', order_id = '{Guid.CreateVersion7()}' WHERE order_id = '{id}'");
        (await Reconcile())["differences"]!
            .AsArray()
            .Select(d => d!["kind"]!.GetValue<string>())
            .ShouldBe(["missing_here", "missing_at_provider"], ignoreOrder: true);

        await fixture.Database.ExecuteAsync(
            $"UPDATE payments SET provider_reference = '{reference}', order_id = '{id}' WHERE provider_reference = 'pi_unheard_of'");
        (await Differences(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Name_what_the_provider_has_refused_for_an_hour_and_so_does_the_gauge()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, id, "completed");
        await Want("59 minutes");
        (await Differences(id)).ShouldBeEmpty();
        await Want("61 minutes");

        var difference = (await Reconcile())["differences"]!.AsArray().Single(d => d!["orderId"]?.GetValue<Guid>() == id)!;
        difference["kind"]!.GetValue<string>().ShouldBe("stuck");
        difference["ours"]!.GetValue<string>().ShouldStartWith("refund since ");
        difference["providers"]!.GetValue<string>().ShouldBe("balance_insufficient");
        (await Reconcile())["reconciled"]!.GetValue<bool>().ShouldBeFalse();
        await Poll.UntilAsync(() => Task.FromResult(Gauge("shop.payments.stuck", "operation=refund")), stuck => stuck == 1, "the gauge to show it");
        Gauge("shop.payments.unknown", "operation=refund").ShouldBe(1);
        Gauge("shop.payments.unknown_age", "operation=refund").ShouldBeInRange(61 * 60, 120 * 60);
        Gauge("shop.payments.unknown", "operation=void").ShouldBe(0);

        await fixture.Database.ExecuteAsync($"UPDATE payments SET operation = NULL, operation_since = NULL, unknown_reason = NULL WHERE order_id = '{id}'");
        (await Differences(id)).ShouldBeEmpty();

        Task Want(string since) => fixture.Database.ExecuteAsync(
            $"UPDATE payments SET operation = 'refund', operation_since = now() - interval '{since}', unknown_reason = 'balance_insufficient' WHERE order_id = '{id}'");
    }

    [Fact]
    public async Task Are_watched_by_gauges_of_what_is_under_way_and_for_how_long()
    {
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, id, "shipping");
        await fixture.Database.ExecuteAsync($"UPDATE fulfilments SET changed_at = now() - interval '2 hours' WHERE order_id = '{id}'");

        await Poll.UntilAsync(
            () => Task.FromResult(Gauge("shop.fulfilments.oldest_age", "state=Shipping")), age => age >= 7200, "the age of the order that waits for its dispatch");
        Gauge("shop.fulfilments.open", "state=Shipping").ShouldBeGreaterThanOrEqualTo(1);
        Gauge("shop.fulfilments.open", "state=RefundingPayment").ShouldBe(0, "also where nobody is");
    }

    [Fact]
    public async Task Can_be_compared_however_many_payments_there_are()
    {
        await using var scope = fixture.Services.CreateAsyncScope();
        var query = scope.ServiceProvider.GetRequiredService<ReconcilePayments>().Of(["pi_1", "pi_2"], [Guid.CreateVersion7()]).ToQueryString();
        var statement = Regex.Replace(query, "^--.*$", "", RegexOptions.Multiline)
            .Replace("@references", "$1", StringComparison.Ordinal).Replace("@orders", "$2", StringComparison.Ordinal);
        await using var connection = new NpgsqlConnection(fixture.Database.Migrations);
        await connection.OpenAsync();
        // On a table this small nothing but that shows whether an index can be used at all; and a plan that is kept must not need to know the values.
        await using var command = new NpgsqlCommand(
            $"SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; PREPARE page (text[], uuid[]) AS {statement}; EXPLAIN EXECUTE page ('{{pi_1}}', '{{}}')",
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        var plan = "";
        while (await reader.ReadAsync())
        {
            plan += reader.GetString(0) + "\n";
        }

        plan.ShouldContain("payments_provider_reference");
        plan.ShouldNotContain("Seq Scan");

        fixture.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Single(
            e => e.RoutePattern.RawText!.EndsWith("/payments/reconciliation", StringComparison.Ordinal))
            .Metadata.GetMetadata<RequestTimeoutPolicy>()!.Timeout.ShouldNotBeNull().ShouldBeGreaterThan(TimeSpan.FromMinutes(10));
    }

    /// <summary>What the gauge says of this state or operation now; below zero when it says nothing.</summary>
    private double Gauge(string name, string about)
    {
        using var heard = new Measurements();
        return heard.Gauge(fixture.Services, name).GetValueOrDefault(about, -1);
    }

    /// <summary>
    /// Each of our transactions that would record what the provider did is thrown away twice, which is what a crash between call and commit comes to.
    /// </summary>
    [Fact]
    public async Task Are_right_after_crashes_between_the_providers_answer_and_our_commit()
    {
        await fixture.Database.ExecuteAsync(
            """
            CREATE SEQUENCE crashes;
            CREATE FUNCTION crash() RETURNS trigger AS $$
            BEGIN
                IF NEW.amount = 59.97 AND NEW.status <> OLD.status AND nextval('crashes') % 3 <> 0 THEN RAISE EXCEPTION 'crashed'; END IF;
                RETURN NEW;
            END $$ LANGUAGE plpgsql SECURITY DEFINER;
            CREATE TRIGGER crash BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION crash();
            """);
        using var customer = fixture.Customer();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", lamps: 3);
        await FulfilmentFixture.Story(customer, id, "completed");

        (await fixture.Database.ScalarAsync<long>("SELECT last_value FROM crashes")).ShouldBe(
            6, "authorization and capture each took three attempts to record");
        (await fixture.Sandbox.Movements(id)).ShouldBe(["authorized", "captured"], "and moved money once");
        (await Differences(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Cannot_be_compared_while_the_provider_is_away_and_say_so()
    {
        await fixture.Sandbox.Fault(new { kind = "error_before", operation = "list" });
        using var @operator = fixture.Operator();
        using var answer = await @operator.GetAsync("/v1/ops/payments/reconciliation");
        await fixture.Sandbox.NoFaults();

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
    }

    private async Task<JsonNode> Reconcile()
    {
        using var @operator = fixture.Operator();
        return await Poll.UntilAsync(
            async () => (await FulfilmentFixture.Read(@operator, "/v1/ops/payments/reconciliation"))!, b => b["differences"] is not null, "the reconciliation");
    }

    private async Task<IEnumerable<string>> Differences(Guid order) => (await Reconcile())["differences"]!.AsArray()
        .Where(d => d!["orderId"]?.GetValue<Guid>() == order).Select(d => d!["kind"]!.GetValue<string>());
}
