using System.Diagnostics;
using Chassis.Testing;
using Inventory.Features;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>Exact at any concurrency, on the real database.</summary>
public sealed class HotSkuTests(InventoryFixture inventory, ITestOutputHelper output)
{
    [Fact]
    public async Task Five_times_as_many_orders_at_once_as_there_are_pieces_sell_exactly_what_is_there()
    {
        var pieces = Effort.Of(200, 1_000);
        var sku = await inventory.StockedAsync(pieces);
        var orders = Enumerable.Range(0, 5 * pieces).Select(_ => Guid.CreateVersion7()).ToList();

        var watch = Stopwatch.StartNew();
        await Task.WhenAll(orders.Select(order => inventory.Commands.Send(new ReserveStock(order, [new(sku, 1)]))));
        var answers = await Poll.UntilAsync(
            () => Task.FromResult(Answers(orders)), a => a.Count == orders.Count, "every order to be answered", TimeSpan.FromSeconds(120));
        output.WriteLine(
            $"{orders.Count} orders were answered in {watch.Elapsed.TotalSeconds:0.0} s, {orders.Count / watch.Elapsed.TotalSeconds:0} per second.");

        answers.Values.Count(type => type == "shop.stock.reserved.v1").ShouldBe(pieces);
        answers.Values.Count(type => type == "shop.stock.reservation-failed.v1").ShouldBe(orders.Count - pieces);
        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: pieces, Reserved: pieces, Available: 0, Shipped: 0));
        (await inventory.MovementsAsync(sku)).Count.ShouldBe(1 + pieces);
        await inventory.ShouldAddUpAsync();
    }

    [Fact]
    public async Task Mixed_carts_over_shared_parts_neither_deadlock_nor_oversell()
    {
        const int workers = 24;
        var seed = Effort.Seed();
        output.WriteLine($"SEED={seed}");
        var parts = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            parts.Add(await inventory.StockedAsync(150));
        }

        var set = await inventory.AddAsync(InventoryFixture.NewSku("SET"), [(parts[5], 1), (parts[0], 2)]);
        var bundle = await inventory.AddAsync(InventoryFixture.NewSku("BUNDLE"), [(parts[3], 1), (set, 1), (parts[1], 1)]);
        string[] products = [.. parts, set, bundle];

        // Every cart names several products in any order; every third is released again, every third shipped, while others reserve.
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed + worker);
            for (var i = 0; i < 40; i++)
            {
                var order = Guid.CreateVersion7();
                var cart = products.OrderBy(_ => random.Next()).Take(random.Next(1, 6)).Select(p => new SkuQuantity(p, random.Next(1, 4))).ToList();
                await inventory.Handle<ReserveStockHandler>(h => h.Handle(new ReserveStock(order, cart), CancellationToken.None));
                await ((i % 3) switch
                {
                    0 => inventory.Handle<ReleaseStockHandler>(h => h.Handle(new ReleaseStock(order, "changed my mind"), CancellationToken.None)),
                    1 => inventory.Handle<ShipOrderHandler>(h => h.Handle(new ShipOrder(order, new ShipTo("A", "B", "C", "D", "DE")), CancellationToken.None)),
                    _ => Task.CompletedTask,
                });
            }
        })));

        await inventory.ShouldAddUpAsync();
        var stocks = await Task.WhenAll(parts.Select(inventory.StockAsync));
        stocks.ShouldAllBe(s => s.OnHand + s.Shipped == 150 && s.Reserved >= 0 && s.OnHand >= s.Reserved);
        stocks.Sum(s => s.Shipped).ShouldBeGreaterThan(0);
        stocks.ShouldContain(s => s.Available < 10, "the carts should have come to the end of some part");
    }

    [Fact]
    public async Task A_hundred_copies_of_one_command_at_once_reserve_once()
    {
        var sku = await inventory.StockedAsync(500);
        var command = new ReserveStock(Guid.CreateVersion7(), [new(sku, 5)]);

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => inventory.Handle<ReserveStockHandler>(h => h.Handle(command, CancellationToken.None))));

        (await inventory.StockAsync(sku)).Reserved.ShouldBe(5);
        (await inventory.MovementsAsync(sku)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Reservation_and_release_of_one_order_at_once_leave_nothing_reserved()
    {
        var sku = await inventory.StockedAsync(1_000);
        var orders = Enumerable.Range(0, 150).Select(_ => Guid.CreateVersion7()).ToList();

        await Task.WhenAll(orders.SelectMany(order => new[]
        {
            inventory.Handle<ReserveStockHandler>(h => h.Handle(new ReserveStock(order, [new(sku, 2)]), CancellationToken.None)),
            inventory.Handle<ReleaseStockHandler>(h => h.Handle(new ReleaseStock(order, "cancelled in flight"), CancellationToken.None)),
        }));

        (await inventory.StockAsync(sku)).ShouldBe(new StockView(sku, OnHand: 1_000, Reserved: 0, Available: 1_000, Shipped: 0));
    }

    /// <summary>The planted bug: look first, then write. It shows that the race above is real, and that counting what was sold finds it.</summary>
    [Fact]
    public async Task A_reservation_that_looks_first_and_writes_then_oversells()
    {
        const int customers = 24;
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsOwnerAsync("CREATE TABLE careless (on_hand int, reserved int); INSERT INTO careless VALUES (1, 0)");
        await using var source = NpgsqlDataSource.Create(database.Migrations);

        // All look before the first of them writes, however the machine would have it.
        var looks = await Task.WhenAll(Enumerable.Range(0, customers).Select(
            async _ => (int)(await AskAsync("SELECT on_hand - reserved FROM careless"))! >= 1));
        var sold = await Task.WhenAll(looks.Where(isThere => isThere).Select(_ => AskAsync("UPDATE careless SET reserved = reserved + 1 RETURNING reserved")));

        sold.Length.ShouldBe(customers);
        sold.Max().ShouldBe(customers, "of one piece");

        async Task<object?> AskAsync(string sql)
        {
            await using var command = source.CreateCommand(sql);
            return await command.ExecuteScalarAsync();
        }
    }

    private Dictionary<Guid, string> Answers(IReadOnlyCollection<Guid> orders)
    {
        var ours = orders.ToHashSet();
        var answers = new Dictionary<Guid, string>();
        foreach (var e in inventory.Events.All)
        {
            if (e.Data.TryGetProperty("orderId", out var id) && ours.Contains(id.GetGuid()))
            {
                answers.Add(id.GetGuid(), e.Type);
            }
        }

        return answers;
    }
}
