using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Inventory.Features;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>Operators dispatch.</summary>
public sealed class TenantsFixture : InventoryFixture
{
    protected override void Configure(IDictionary<string, string> settings) => settings["Shipping:AutoDispatch"] = "false";
}

public sealed class TenantTests(TenantsFixture inventory) : IClassFixture<TenantsFixture>
{
    private readonly string _north = $"north-{Guid.CreateVersion7()}";
    private readonly Guid _order = Guid.CreateVersion7();

    [Fact]
    public async Task An_expired_reservation_is_released_in_the_name_of_its_tenant()
    {
        await ReserveAsync(await inventory.StockedAsync(5));
        await inventory.Database.ExecuteAsync($"UPDATE reservations SET expires_at = now() - interval '1 minute' WHERE order_id = '{_order}'");

        // Whichever sweep is first: this one, or the service's own.
        await inventory.Services.GetRequiredService<ExpireReservations>().SweepAsync(TestContext.Current.CancellationToken);

        (await Told("shop.stock.released.v1")).TenantId.ShouldBe(_north);
    }

    [Fact]
    public async Task A_command_without_a_tenant_is_answered_in_the_name_of_the_reservations()
    {
        var sku = await inventory.StockedAsync(5);
        await ReserveAsync(sku);
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 2)]));
        await inventory.Commands.Send(new ReleaseStock(_order, "cancelled by an operator"));

        (await Told("shop.stock.released.v1")).TenantId.ShouldBe(_north);
        (await inventory.Events.WaitForAnswers(_order, 3)).ShouldAllBe(e => e.TenantId == _north);
        (await inventory.MovementsAsync(sku)).Count(m => m.GetProperty("orderId").ValueKind != JsonValueKind.Null).ShouldBe(2);
        (await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM movements WHERE order_id = '{_order}' AND tenant_id = '{_north}'")).ShouldBe(2);
    }

    [Fact]
    public async Task A_parcel_that_an_operator_without_tenant_dispatches_leaves_in_the_name_of_its_tenant()
    {
        await ReserveAsync(await inventory.StockedAsync(5));
        var shipment = await PackAsync();

        var dispatched = await inventory.Client.PostAsJsonAsync(
            $"/v1/shipments/{shipment}/dispatch", new { carrier = "Post", trackingNumber = "RR123456785DE" });

        dispatched.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Told("shop.shipment.dispatched.v1")).TenantId.ShouldBe(_north);
    }

    [Fact]
    public async Task Every_route_keeps_tenants_apart_and_shows_all_to_whoever_has_none()
    {
        var user = Guid.CreateVersion7();
        var sku = InventoryFixture.NewSku();
        (await inventory.Client.PostAsJsonAsync(
            "/v1/products", new { sku, name = "A product", price = new { amount = "10.00", currency = "EUR" } })).EnsureSuccessStatusCode();
        (await inventory.Client.PostAsJsonAsync($"/v1/products/{sku}/receipts", new { quantity = 5, reference = "first delivery" })).EnsureSuccessStatusCode();
        // A line from when a tenant's operators could change products.
        await inventory.Database.ExecuteAsync(
            $"""
            INSERT INTO product_history (sku, version, event_id, event_type, payload, occurred_at, correlation_id, user_id, tenant_id)
            SELECT sku, 2, gen_random_uuid(), event_type, payload, now(), 'before', '{user}', '{_north}' FROM product_history WHERE sku = '{sku}' AND version = 1
            """);
        await ReserveAsync(sku);
        var shipment = await PackAsync();
        var (product, parcel) = (new Dictionary<string, string> { ["sku"] = sku }, new Dictionary<string, string> { ["id"] = shipment });

        await new TenantWalk<Program>(inventory, _north)
            .Without("products and stock belong to the installation", "GET /v1/products/{sku}/stock")
            .Shared("GET /v1/products/{sku}/history", user.ToString(), product)
            .Shared("GET /v1/products/{sku}/movements", _order.ToString(), product)
            .Of("GET /v1/reservations", _order.ToString())
            .Of("GET /v1/reservations/{orderId}", _order.ToString(), new Dictionary<string, string> { ["orderId"] = _order.ToString() })
            .Of("GET /v1/shipments", shipment)
            .Of("GET /v1/shipments/{id}", shipment, parcel)
            .Of("POST /v1/shipments/{id}/dispatch", "", parcel, new { carrier = "Post", trackingNumber = "RR123456785DE" })
            .VerifyAsync();
    }

    [Fact]
    public Task Every_table_says_whose_it_is()
    {
        const string catalogue = "products and stock belong to the installation";
        return inventory.Database.VerifyTenantsAsync(new Dictionary<string, string>
        {
            ["products"] = catalogue,
            ["product_components"] = catalogue,
            ["product_parts"] = catalogue,
            ["stock"] = catalogue,
            ["recipe_shipments"] = "stock is the installation's, and so is the count of what was shipped",
            ["erased_users"] = "ids of erased users, asked for by id only",
        });
    }

    private Task<WireEvent> Told(string type) =>
        Poll.UntilAsync(
            () => Task.FromResult(inventory.Events.About(_order).FirstOrDefault(e => e.Type == type)!), e => e is not null, $"{type} about order {_order}");

    private async Task ReserveAsync(string sku)
    {
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 2)]), tenant: _north);
        (await inventory.Events.WaitForAnswers(_order, 1))[0].Type.ShouldBe("shop.stock.reserved.v1");
    }

    private async Task<string> PackAsync()
    {
        await inventory.Commands.Send(new ShipOrder(_order, new ShipTo("Ada Lovelace", "Main Street 1", "Berlin", "10115", "DE")), tenant: _north);
        return await Poll.UntilAsync(
            () => inventory.Database.ScalarAsync<string>($"SELECT coalesce(max(id::text), '') FROM shipments WHERE order_id = '{_order}'"),
            id => id.Length > 0,
            "the shipment to be packed");
    }
}
