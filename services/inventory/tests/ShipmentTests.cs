using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Inventory.Features;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Users.V1;
using static Inventory.Tests.ProductsTests;

namespace Inventory.Tests;

/// <summary>Operators dispatch, and reservations expire soon.</summary>
public sealed class ManualShippingFixture : InventoryFixture
{
    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Shipping:AutoDispatch"] = "false";
        settings["Reservations:ExpireAfter"] = "00:00:02";
        settings["Reservations:SweepEvery"] = "00:00:00.200";
    }
}

public sealed class ShipmentTests(ManualShippingFixture inventory) : IClassFixture<ManualShippingFixture>
{
    private static readonly ShipTo Address = new("Ada Lovelace", "Main Street 1", "Berlin", "10115", "DE");

    private readonly HttpClient _client = inventory.Client;
    private readonly Guid _order = Guid.CreateVersion7();

    [Fact]
    public async Task An_operator_dispatches_what_is_packed_and_nobody_can_do_it_again()
    {
        var (sku, shipment) = await PackedAsync();
        shipment.GetProperty("pickList").GetRawText().ShouldBe($$"""[{"sku":"{{sku}}","quantity":2}]""");
        shipment.GetProperty("address").GetProperty("city").GetString().ShouldBe("Berlin");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 5, Reserved: 2, Available: 3, Shipped: 0));

        var dispatched = await Dispatch(shipment);
        dispatched.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await dispatched.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString().ShouldBe("dispatched");

        var told = (await inventory.Events.WaitForAnswers(_order, 2))[1];
        told.Type.ShouldBe("shop.shipment.dispatched.v1");
        told.Data.GetProperty("trackingNumber").GetString().ShouldBe("RR123456785DE");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 3, Reserved: 0, Available: 3, Shipped: 2));
        await Refused(await Dispatch(shipment), HttpStatusCode.Conflict, "shipment_dispatched");
        (await inventory.StockAsync(sku)).Shipped.ShouldBe(2);
        await inventory.ShouldAddUpAsync();
    }

    [Fact]
    public async Task Of_concurrent_dispatches_one_wins()
    {
        var (sku, shipment) = await PackedAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Dispatch(shipment)));

        answers.Count(a => a.StatusCode == HttpStatusCode.OK).ShouldBe(1);
        answers.Count(a => a.StatusCode == HttpStatusCode.Conflict).ShouldBe(5);
        (await inventory.StockAsync(sku)).Shipped.ShouldBe(2);
    }

    [Fact]
    public async Task A_release_cancels_a_shipment_that_waits()
    {
        var (sku, shipment) = await PackedAsync();

        await inventory.Commands.Send(new ReleaseStock(_order, "cancelled by the customer"));

        (await inventory.Events.WaitForAnswers(_order, 2))[1].Type.ShouldBe("shop.stock.released.v1");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 5, Reserved: 0, Available: 5, Shipped: 0));
        await Refused(await Dispatch(shipment), HttpStatusCode.Conflict, "shipment_cancelled");
        await inventory.Commands.Send(new ShipOrder(_order, Address));
        (await inventory.Events.WaitForAnswers(_order, 3))[2].Type.ShouldBe("shop.stock.released.v1");
    }

    [Fact]
    public async Task Shipments_are_listed_by_status_newest_first()
    {
        var (_, first) = await PackedAsync();
        var (_, second) = await PackedAsync(Guid.CreateVersion7());
        await Dispatch(first);

        (await Listed("pending"))[0].ShouldBe(Id(second));
        (await Listed("pending")).ShouldNotContain(Id(first));
        (await Listed("dispatched"))[0].ShouldBe(Id(first));
        await Refused(await _client.GetAsync("/v1/shipments?status=lost"), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_shipment_is_found_by_its_order_and_by_the_carriers_number()
    {
        var (_, first) = await PackedAsync();
        var (_, second) = await PackedAsync(Guid.CreateVersion7());
        var number = $"RR{Guid.NewGuid():n}";
        (await _client.PostAsJsonAsync($"/v1/shipments/{Id(first)}/dispatch", new { carrier = "Post", trackingNumber = number })).EnsureSuccessStatusCode();
        await Dispatch(second);

        (await Found($"trackingNumber={number}")).ShouldBe([Id(first)]);
        (await Found($"trackingNumber={number}&status=pending")).ShouldBeEmpty();
        (await Found($"trackingNumber={number}x")).ShouldBeEmpty();
        (await Found($"orderId={_order}")).ShouldBe([Id(first)]);
        (await Found("trackingNumber=RR123456785DE&limit=200")).ShouldContain(Id(second));

        async Task<Guid[]> Found(string query) =>
            [.. (await _client.GetFromJsonAsync<JsonElement>($"/v1/shipments?{query}")).GetProperty("items").EnumerateArray().Select(Id)];
    }

    [Fact]
    public async Task What_holds_the_stock_of_a_product_is_listed_the_newest_order_first()
    {
        var (sku, shipped) = await PackedAsync(Guid.CreateVersion7());
        await Dispatch(shipped);
        // Newer than whatever other tests order meanwhile.
        var later = DateTimeOffset.UtcNow.AddYears(1);
        var (waits, released, other) = (Guid.CreateVersion7(later), Guid.CreateVersion7(later.AddSeconds(1)), Guid.CreateVersion7(later.AddSeconds(2)));
        var package = await inventory.AddAsync(InventoryFixture.NewSku(), [(sku, 1)]);
        await inventory.Commands.Send(new ReserveStock(released, [new(sku, 1)]));
        await inventory.Events.WaitForAnswers(released, 1);
        await inventory.Commands.Send(new ReleaseStock(released, "cancelled"));
        await inventory.Events.WaitForAnswers(released, 2);
        await inventory.Commands.Send(new ReserveStock(waits, [new(package, 2)]));
        await inventory.Events.WaitForAnswers(waits, 1);
        await inventory.Commands.Send(new ShipOrder(waits, Address));
        await PackedAsync(other);
        var parcel = (await Poll.UntilAsync(
            () => _client.GetFromJsonAsync<JsonElement>($"/v1/shipments?orderId={waits}"),
            p => p.GetProperty("items").GetArrayLength() == 1,
            "the shipment to be packed")).GetProperty("items")[0];

        var held = (await Listed($"sku={sku}&open=true")).ShouldHaveSingleItem("as a part of another product, too");
        held.GetProperty("orderId").GetGuid().ShouldBe(waits);
        held.GetProperty("shipmentId").GetGuid().ShouldBe(Id(parcel));
        (await Orders($"sku={package}&open=true")).ShouldBe([waits]);
        (await Orders("open=true&limit=200")).ShouldBeSubsetOf(await Orders("limit=200"));
        (await Orders("open=true&limit=200")).Take(2).ShouldBe([other, waits]);
        (await Orders("open=false&limit=200")).ShouldContain(released);
        (await Orders("open=false&limit=200")).ShouldNotContain(waits);
        var first = await _client.GetFromJsonAsync<JsonElement>("/v1/reservations?open=true&limit=1");
        (await Orders($"open=true&limit=1&cursor={first.GetProperty("nextCursor").GetString()}")).ShouldBe([waits]);
        await Refused(await _client.GetAsync($"/v1/reservations?sku={sku}"), HttpStatusCode.BadRequest);

        async Task<List<JsonElement>> Listed(string query) =>
            [.. (await _client.GetFromJsonAsync<JsonElement>($"/v1/reservations?{query}")).GetProperty("items").EnumerateArray()];

        async Task<List<Guid>> Orders(string query) => (await Listed(query)).ConvertAll(r => r.GetProperty("orderId").GetGuid());
    }

    [Theory]
    [InlineData("""{"carrier":"","trackingNumber":"1"}""")]
    [InlineData("""{"carrier":"Post"}""")]
    [InlineData("""{"carrier":"Post","trackingNumber":5}""")]
    public async Task A_dispatch_without_carrier_or_number_is_400(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");

        await Refused(await _client.PostAsync($"/v1/shipments/{Guid.CreateVersion7()}/dispatch", content), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_reservation_that_nobody_claims_expires()
    {
        var sku = await inventory.StockedAsync(5);
        await inventory.Commands.Send(new ReserveStock(_order, [new(sku, 5)]));

        var expired = (await inventory.Events.WaitForAnswers(_order, 2))[1];

        expired.Type.ShouldBe("shop.stock.released.v1");
        expired.Data.GetProperty("reason").GetString()!.ShouldStartWith("Expired");
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 5, Reserved: 0, Available: 5, Shipped: 0));
        (await inventory.Services.GetRequiredService<ExpireReservations>().SweepAsync(CancellationToken.None)).ShouldBe(0);
    }

    [Fact]
    public async Task A_shipment_that_waits_for_an_operator_does_not_expire()
    {
        var (sku, shipment) = await PackedAsync();
        var other = Guid.CreateVersion7();
        await inventory.Commands.Send(new ReserveStock(other, [new(sku, 1)]));

        // The other order's expiry shows that the time was long enough.
        await inventory.Events.WaitForAnswers(other, 2);

        (await _client.GetFromJsonAsync<JsonElement>($"/v1/shipments/{Id(shipment)}")).GetProperty("status").GetString().ShouldBe("pending");
    }

    [Fact]
    public async Task The_addresses_of_an_erased_customer_are_removed_once_their_parcels_have_left()
    {
        var user = Guid.CreateVersion7();
        var (_, sent) = await PackedAsync(Guid.CreateVersion7(), user);
        await Dispatch(sent);
        var (_, waiting) = await PackedAsync(Guid.CreateVersion7(), user);
        var (_, somebodyElses) = await PackedAsync(Guid.CreateVersion7(), Guid.CreateVersion7());

        await inventory.Commands.Publish(new UserErased(user, DateTimeOffset.UtcNow));

        await Poll.UntilAsync(async () => await Address(sent) == JsonValueKind.Null, "the address to be removed");
        (await Address(waiting)).ShouldBe(JsonValueKind.Object);
        (await Address(somebodyElses)).ShouldBe(JsonValueKind.Object);
        await Dispatch(waiting);
        (await Address(waiting)).ShouldBe(JsonValueKind.Null);

        async Task<JsonValueKind> Address(JsonElement shipment) =>
            (await _client.GetFromJsonAsync<JsonElement>($"/v1/shipments/{Id(shipment)}")).GetProperty("address").ValueKind;
    }

    [Fact]
    public async Task The_address_of_a_customer_who_is_erased_while_the_parcel_leaves_is_removed()
    {
        var user = Guid.CreateVersion7();
        var (_, shipment) = await PackedAsync(Guid.CreateVersion7(), user);

        // Holds up the dispatch at its end, after it has looked whether the customer is erased.
        await using var connection = new NpgsqlConnection(inventory.Database.Migrations);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var hold = new NpgsqlCommand($"SELECT FROM shipments WHERE id = '{Id(shipment)}' FOR UPDATE", connection, transaction))
        {
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var dispatch = Dispatch(shipment);
        await Poll.UntilAsync(Waiters, n => n == 1, "the dispatch to wait");
        await inventory.Commands.Publish(new UserErased(user, DateTimeOffset.UtcNow));
        await Poll.UntilAsync(
            async () => await Waiters() == 2 || await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM erased_users WHERE user_id = '{user}'") == 1,
            "the erasure to wait for the dispatch, or to overlook it");
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        (await dispatch).StatusCode.ShouldBe(HttpStatusCode.OK);
        await Poll.UntilAsync(
            async () => await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM shipments WHERE id = '{Id(shipment)}' AND address IS NULL") == 1,
            "the address to be removed");

        Task<long> Waiters() => inventory.Database.WaitersBehindAsync(connection.ProcessID);
    }

    [Fact]
    public async Task The_address_of_an_erased_customer_leaves_the_dead_letters_and_nobody_elses_does()
    {
        var (user, stranger, order, strangersOrder) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var (id, whose) in new[] { (order, user), (strangersOrder, stranger) })
        {
            await inventory.Database.ScalarAsync<string>(
                $$"""
                INSERT INTO messaging.dead_letters (id, message_id, message_type, queue, reason, fingerprint, content_type, headers, body, status, first_failed_at, failed_at)
                VALUES ('{{id}}', '{{id}}', 'urn:message:Shop.Contracts.Inventory.V1:ShipOrder', 'inventory.commands', 'failed', 'f', 'application/vnd.masstransit+json', '{}',
                    convert_to('{"messageType": ["urn:message:Shop.Contracts.Inventory.V1:ShipOrder"], "message": {"orderId": "{{id}}", "userId": "{{whose}}",
                        "address": {"name": "Jürgen order", "line1": "order street 1", "city": "Order", "postalCode": "1", "country": "CA"} } }', 'UTF8'), 'open', now(), now())
                RETURNING id::text
                """);
        }

        await inventory.Commands.Publish(new UserErased(user, DateTimeOffset.UtcNow));

        await Poll.UntilAsync(async () => !(await Body(order)).Contains("Jürgen", StringComparison.Ordinal), "the address to be removed");
        (await Body(order)).ShouldContain(order.ToString());
        (await Body(strangersOrder)).ShouldContain("Jürgen order");

        Task<string> Body(Guid letter) =>
            inventory.Database.ScalarAsync<string>($"SELECT convert_from(body, 'UTF8') FROM messaging.dead_letters WHERE id = '{letter}'")!;
    }

    private static Guid Id(JsonElement shipment) => shipment.GetProperty("id").GetGuid();

    private async Task<(string Sku, JsonElement Shipment)> PackedAsync(Guid? orderId = null, Guid? userId = null)
    {
        var id = orderId ?? _order;
        var sku = await inventory.StockedAsync(5);
        await inventory.Commands.Send(new ReserveStock(id, [new(sku, 2)]));
        await inventory.Events.WaitForAnswers(id, 1);
        await inventory.Commands.Send(new ShipOrder(id, Address, userId));
        var page = await Poll.UntilAsync(
            () => _client.GetFromJsonAsync<JsonElement>($"/v1/shipments?orderId={id}"),
            p => p.GetProperty("items").GetArrayLength() == 1,
            "the shipment to be packed");
        return (sku, page.GetProperty("items")[0]);
    }

    private Task<HttpResponseMessage> Dispatch(JsonElement shipment) =>
        _client.PostAsJsonAsync($"/v1/shipments/{Id(shipment)}/dispatch", new { carrier = "Post", trackingNumber = "RR123456785DE" });

    private async Task<Guid[]> Listed(string status)
    {
        var page = await _client.GetFromJsonAsync<JsonElement>($"/v1/shipments?status={status}&limit=200");
        return [.. page.GetProperty("items").EnumerateArray().Select(Id)];
    }
}
