using System.Net;
using System.Net.Http.Json;
using Chassis.Testing;
using Contracts.Events;
using Orders.Domain;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Whoever acts on it, and whatever timer, acts in the name of the order's tenant. The inventory made up here says no tenant in what it tells.
/// </summary>
public sealed class An_order_of_a_tenant(FulfilmentFixture fixture) : IClassFixture<FulfilmentFixture>
{
    private readonly string _north = $"north-{Guid.CreateVersion7()}";

    [Fact]
    public async Task That_an_operator_without_tenant_cancels_is_cancelled_in_its_name()
    {
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _north);
        using var @operator = fixture.Operator();
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, id, "shipping");
        using var cancelled = await @operator.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "a recall" });
        cancelled.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await FulfilmentFixture.Story(customer, id, "cancelled");

        await EverythingIsToldInItsName(customer, id, "shop.order.cancelled.v1", "voided");
    }

    [Fact]
    public async Task Whose_reservation_expires_fails_in_its_name()
    {
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _north);
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.ShipsByHand);
        await FulfilmentFixture.Story(customer, id, "shipping");
        await fixture.Inventory.Expire(id);
        await FulfilmentFixture.Story(customer, id, "failed");

        await EverythingIsToldInItsName(customer, id, "shop.order.failed.v1", "voided");
    }

    [Fact]
    public async Task That_goes_well_is_sold_in_its_name()
    {
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _north);
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, id, "completed");

        await EverythingIsToldInItsName(customer, id, "shop.order.completed.v1", "captured");
        await SaleIsCounted();
    }

    [Fact]
    public async Task That_somebody_without_tenant_takes_on_is_told_in_its_name()
    {
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _north);
        var id = await FulfilmentFixture.Place(customer, "pm_card_visa", FakeInventory.NeverAnswers);
        await fixture.Do(id, now => new Confirm(now));

        (await fixture.Tap.NextAsync("shop.order.confirmed.v1", id.ToString())).Headers.GetValueOrDefault(CloudEventHeaders.TenantId).ShouldBe(_north);
    }

    [Fact]
    public async Task Is_kept_from_other_tenants_on_every_route_and_shown_to_whoever_has_none()
    {
        using var customer = fixture.ClientFor(OrdersFixture.NewId(), tenant: _north);
        var sold = await FulfilmentFixture.Place(customer, "pm_card_visa");
        await FulfilmentFixture.Story(customer, sold, "completed");
        var draft = await OrdersFixture.Draft(customer);
        await SaleIsCounted();
        var payment = (await FulfilmentFixture.PaymentOf(customer, sold))["id"]!.GetValue<string>();
        var (ended, open) = (Values(sold), Values(draft));

        await new TenantWalk<Program>(fixture, _north)
            .Without("makes one of the caller's tenant", "POST /v1/orders")
            .Of("GET /v1/orders", sold.ToString())
            .Of("GET /v1/orders/{id}", sold.ToString(), ended)
            .Of("GET /v1/orders/{id}/events", sold.ToString(), ended)
            .Of("GET /v1/orders/{id}/stream", sold.ToString(), ended)
            .Of("GET /v1/orders/{id}/fulfilment", sold.ToString(), ended)
            .Of("GET /v1/payments", payment)
            .Of("GET /v1/payments/{id}", payment, new Dictionary<string, string> { ["id"] = payment })
            .Of("GET /v1/statistics/sales", OrdersFixture.Lamp, query: "?groupBy=product")
            .Of("POST /v1/orders/{id}/items", "", open, new { sku = OrdersFixture.Desk, quantity = 1 })
            .Of("DELETE /v1/orders/{id}/items/{sku}", "", open)
            .Of("POST /v1/orders/{id}/submit", "", open, OrdersFixture.Submission)
            .Of("POST /v1/orders/{id}/cancel", "", open, new { reason = "test" })
            .VerifyAsync();
    }

    [Fact]
    public Task Lies_in_tables_that_say_whose_they_are() => fixture.Database.VerifyTenantsAsync(new Dictionary<string, string>
    {
        ["catalogue_products"] = "products belong to the installation",
        ["catalogue_users"] = "whether an account is active, asked for by id only",
    });

    private static Dictionary<string, string> Values(Guid order) => new() { ["id"] = order.ToString(), ["sku"] = OrdersFixture.Lamp };

    private Task<long> SaleIsCounted() => Poll.UntilAsync(
        () => fixture.Database.ScalarAsync<long>($"SELECT coalesce(sum(orders), 0)::bigint FROM sales_by_product WHERE tenant_id = '{_north}'"),
        n => n > 0,
        "the sale to be counted");

    private async Task EverythingIsToldInItsName(HttpClient customer, Guid id, string last, string payment)
    {
        await fixture.Tap.NextAsync(last, id.ToString());
        var paid = (await FulfilmentFixture.PaymentOf(customer, id))["id"]!.GetValue<string>();
        await Poll.UntilAsync(
            () => Task.FromResult(fixture.Tap.Seen.Any(e => e.Subject == paid && e.Body.GetProperty("status").GetString() == payment)),
            $"the payment to be told as {payment}");
        fixture.Tap.Seen.Where(e => e.Subject == id.ToString() || e.Subject == paid).Where(
            e => !e.Type.StartsWith("shop.stock.", StringComparison.Ordinal) && !e.Type.StartsWith("shop.shipment.", StringComparison.Ordinal))
            .ShouldAllBe(e => e.Headers.GetValueOrDefault(CloudEventHeaders.TenantId) == _north);
        fixture.Inventory.Tenants[id].ShouldAllBe(tenant => tenant == _north);
        (await fixture.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM event_store.events WHERE stream_id = '{id}' AND metadata ->> 'tenantId' IS DISTINCT FROM '{_north}'")).ShouldBe(0);
    }
}
