using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Inventory.Features;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using static Inventory.Tests.ProductsTests;

namespace Inventory.Tests;

public sealed class StockTests(InventoryFixture inventory)
{
    private readonly HttpClient _client = inventory.Client;

    [Fact]
    public async Task Receipts_and_adjustments_add_up_and_the_ledger_explains_every_piece()
    {
        var sku = await inventory.StockedAsync(10);
        (await Adjust(sku, -3, "broken")).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Adjust(sku, 1, "found behind the shelf")).StatusCode.ShouldBe(HttpStatusCode.Created);

        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 8, Reserved: 0, Available: 8, Shipped: 0));
        var movements = await inventory.MovementsAsync(sku);
        movements.Select(
            m => (
                m.GetProperty("version").GetInt32(),
                m.GetProperty("kind").GetString(),
                m.GetProperty("onHandChange").GetInt32(),
                m.GetProperty("onHand").GetInt32()))
            .ShouldBe([(1, "receipt", 10, 10), (2, "adjustment", -3, 7), (3, "adjustment", 1, 8)]);
        movements[0].GetProperty("reference").GetString().ShouldBe("first delivery");
        movements[0].GetProperty("correlationId").GetString().ShouldNotBeNullOrEmpty();
        movements[0].GetProperty("userId").GetString().ShouldNotBeNullOrEmpty();

        var told = (await inventory.Events.WaitFor("shop.stock.received.v1", sku)).ShouldHaveSingleItem();
        told.Data.GetProperty("quantity").GetInt32().ShouldBe(10);
        told.Data.GetProperty("onHand").GetInt32().ShouldBe(10);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    public async Task Negative_and_absurd_receipts_are_400(int quantity)
    {
        var sku = await inventory.StockedAsync(0);

        var problem = await Refused(await Receive(sku, quantity), HttpStatusCode.BadRequest);
        problem.GetProperty("errors").TryGetProperty("quantity", out _).ShouldBeTrue();
        (await inventory.StockAsync(sku)).OnHand.ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"quantity":"five","reference":"x"}""")]
    [InlineData("""{"quantity":1.5,"reference":"x"}""")]
    [InlineData("""{"quantity":99999999999,"reference":"x"}""")]
    [InlineData("""{"quantity":5}""")]
    [InlineData("""{"quantity":5,"reference":""}""")]
    [InlineData("""{"quantity":5,"reference":null}""")]
    public async Task Malformed_receipts_are_400(string body)
    {
        var sku = await inventory.StockedAsync(0);
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");

        await Refused(await _client.PostAsync($"/v1/products/{sku}/receipts", content), HttpStatusCode.BadRequest);
        (await inventory.StockAsync(sku)).OnHand.ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_received_for_a_discontinued_product_but_what_is_left_can_be_written_off()
    {
        var sku = await inventory.StockedAsync(4);
        (await _client.DeleteAsync($"/v1/products/{sku}")).EnsureSuccessStatusCode();

        await Refused(await Receive(sku, 1), HttpStatusCode.Conflict, "product_discontinued");
        (await Adjust(sku, -4, "written off")).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await inventory.StockAsync(sku)).OnHand.ShouldBe(0);
    }

    [Fact]
    public async Task An_adjustment_never_takes_what_is_reserved()
    {
        var sku = await inventory.StockedAsync(5);
        await inventory.Handle<ReserveStockHandler>(h => h.Handle(new ReserveStock(Guid.CreateVersion7(), [new SkuQuantity(sku, 3)]), CancellationToken.None));

        var problem = await Refused(await Adjust(sku, -3, "stolen"), HttpStatusCode.Conflict, "insufficient_stock");
        problem.GetProperty("detail").GetString().ShouldBe($"Of {sku} 5 pieces are on hand and 3 of them are reserved.");
        (await Adjust(sku, -2, "stolen")).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 3, Reserved: 3, Available: 0, Shipped: 0));
    }

    [Fact]
    public async Task An_adjustment_by_nothing_or_without_reason_is_400()
    {
        var sku = await inventory.StockedAsync(1);

        await Refused(await Adjust(sku, 0, "why"), HttpStatusCode.BadRequest);
        await Refused(await Adjust(sku, 1, " "), HttpStatusCode.BadRequest);
        await Refused(await Adjust(sku, -1_000_001, "absurd"), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_product_with_a_recipe_has_the_stock_that_its_parts_make()
    {
        var (top, screw) = (await inventory.StockedAsync(5), await inventory.StockedAsync(25));
        var drawer = await inventory.AddAsync(InventoryFixture.NewSku("DRAWER"), [(screw, 4)]);
        var desk = await inventory.AddAsync(InventoryFixture.NewSku("DESK"), [(top, 1), (drawer, 2), (screw, 2)]);

        (await inventory.StockAsync(desk)).ShouldBe(new StockView(desk, OnHand: 2, Reserved: 0, Available: 2, Shipped: 0));
        await inventory.Handle<ReserveStockHandler>(h => h.Handle(new ReserveStock(Guid.CreateVersion7(), [new SkuQuantity(desk, 1)]), CancellationToken.None));

        (await inventory.StockAsync(screw)).Reserved.ShouldBe(10);
        (await inventory.StockAsync(desk)).ShouldBe(new StockView(desk, OnHand: 2, Reserved: 1, Available: 1, Shipped: 0));
        await Refused(await Receive(desk, 1), HttpStatusCode.Conflict, "product_has_components");
        await Refused(await Adjust(desk, 1, "found"), HttpStatusCode.Conflict, "product_has_components");
        (await inventory.MovementsAsync(desk)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_was_shipped_of_a_recipe_is_counted_and_not_read_again()
    {
        const int Shipped = 3_000;
        var desk = await inventory.AddAsync(InventoryFixture.NewSku("DESK"), [(await inventory.StockedAsync(10), 1)]);
        var before = await PagesAsync();
        await inventory.Database.ExecuteAsync(
            $"""
            INSERT INTO reservations (order_id, status, items, lines, has_recipes, version, created_at)
            SELECT gen_random_uuid(), 'shipping', jsonb_build_array(jsonb_build_object('sku', '{desk}', 'quantity', 2)), '[]', true, 1, now() FROM generate_series(1, {Shipped});
            UPDATE reservations SET status = 'shipped', ended_at = now() WHERE items @> jsonb_build_array(jsonb_build_object('sku', '{desk}'));
            UPDATE reservations SET version = version + 1, status = status WHERE items @> jsonb_build_array(jsonb_build_object('sku', '{desk}'));
            """);

        (await inventory.StockAsync(desk)).ShouldBe(new StockView(desk, OnHand: 10, Reserved: 0, Available: 10, Shipped: 2 * Shipped));
        // What the updates have left is read as well, until it can be removed: until the transactions of other tests have ended.
        await Poll.UntilAsync(
            async () =>
            {
                await inventory.Database.ExecuteAsync("VACUUM ANALYZE reservations");
                await inventory.Database.ExecuteAsync("VACUUM ANALYZE recipe_shipments");
                return await PagesAsync();
            },
            pages => pages < before + 50,
            "few pages to be read");

        async Task<int> PagesAsync()
        {
            var plan = await inventory.Database.ScalarAsync<string>(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + ReadStock.OfRecipe.Replace("{0}", $"'{desk}'::text", StringComparison.Ordinal));
            var top = JsonElement.Parse(plan!)[0].GetProperty("Plan");
            return top.GetProperty("Shared Hit Blocks").GetInt32() + top.GetProperty("Shared Read Blocks").GetInt32();
        }
    }

    [Fact]
    public async Task The_database_itself_refuses_figures_that_do_not_add_up()
    {
        var sku = await inventory.StockedAsync(5);

        await RefusedByDatabase($"UPDATE stock SET on_hand = 6 WHERE sku = '{sku}'", "every_piece_is_accounted_for");
        await RefusedByDatabase($"UPDATE stock SET reserved = 6 WHERE sku = '{sku}'", "nothing_is_oversold");
        await RefusedByDatabase($"UPDATE stock SET reserved = -1 WHERE sku = '{sku}'", "nothing_is_oversold");
        await RefusedByDatabase(
            $"""
            INSERT INTO movements (sku, version, kind, quantity, on_hand_change, reserved_change, shipped_change, on_hand, reserved, shipped, occurred_at)
            VALUES ('{sku}', 99, 'receipt', 5, -5, 0, 0, 0, 0, 0, now())
            """, "a_movement_does_what_its_kind_says");
    }

    [Fact]
    public async Task The_ledger_cannot_be_rewritten_by_the_service()
    {
        var sku = await inventory.StockedAsync(5);
        await using var service = NpgsqlDataSource.Create(inventory.Database.Runtime);

        foreach (var statement in (string[])[$"UPDATE movements SET quantity = 1 WHERE sku = '{sku}'", "DELETE FROM movements", "DELETE FROM product_history"])
        {
            await using var command = service.CreateCommand(statement);
            (await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
        }
    }

    private async Task RefusedByDatabase(string statement, string constraint) =>
        (await Should.ThrowAsync<PostgresException>(() => inventory.Database.ExecuteAsync(statement))).ConstraintName.ShouldBe(constraint);

    private Task<HttpResponseMessage> Receive(string sku, int quantity) =>
        _client.PostAsJsonAsync($"/v1/products/{sku}/receipts", new { quantity, reference = "delivery note" });

    private Task<HttpResponseMessage> Adjust(string sku, int quantity, string reason) =>
        _client.PostAsJsonAsync($"/v1/products/{sku}/adjustments", new { quantity, reason });
}
