using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using CsCheck;
using Inventory.Features;
using Inventory.Persistence;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Tests;

/// <summary>A service of its own for the guarantee, so that the audit covers this test's stock and nothing else.</summary>
public sealed class GuaranteeFixture : InventoryFixture;

/// <summary>
/// Guarantee 2: received and adjusted pieces are on hand or shipped; what is reserved is never negative nor above what is on hand;
/// orders that have come to their end hold no reservation. A failure names the seed with which CsCheck_Seed repeats it.
/// </summary>
public sealed class GuaranteeTests(GuaranteeFixture inventory, ITestOutputHelper output) : IClassFixture<GuaranteeFixture>
{
    private const int SimpleProducts = 8;

    private static readonly ShipTo Address = new("A", "B", "C", "D", "DE");

    private static readonly Gen<int> AnOrder = Gen.Int[0, 19];
    private static readonly Gen<int> ASimpleProduct = Gen.Int[0, SimpleProducts - 1];

    /// <summary>Orders are numbers in a small window that moves on: commands of one order come again, and in every order.</summary>
    private static readonly Gen<Step> AnyStep = Gen.Frequency(
        (1, Gen.Select(ASimpleProduct, Gen.Int[1, 29], Step (product, quantity) => new Step.Receive(product, quantity))),
        (1, Gen.Select(
            ASimpleProduct, Gen.Int[1, 14], Gen.Int[0, 2], Step (product, quantity, more) => new Step.Adjust(product, more == 0 ? quantity : -quantity))),
        (2, AnOrder.Select(Step (order) => new Step.Release(order))),
        (2, AnOrder.Select(Step (order) => new Step.Ship(order))),
        (4, Gen.Select(AnOrder, Gen.Select(Gen.Int[0, SimpleProducts + 1], Gen.Int[1, 3]).Array[1, 4], Step (order, cart) => new Step.Reserve(order, cart))));

    /// <summary>One after the other, against a model that says what every figure has to be.</summary>
    [Fact]
    public Task Any_operations_do_exactly_what_a_model_of_the_rules_does() => AnyStep.Array[1, 200].SampleAsync(
        async steps =>
        {
            var (products, recipes) = await CatalogueAsync("M");
            var model = new Model(recipes, products.Take(SimpleProducts));
            var orders = Enumerable.Range(0, 40).Select(_ => Guid.CreateVersion7()).ToArray();
            foreach (var (i, step) in steps.Index())
            {
                await DoAsync(step, products, model, number => orders[(i / 10) + number]);
                if (i % 50 == 49)
                {
                    await model.ShouldMatchAsync(inventory, i);
                }
            }

            await model.ShouldMatchAsync(inventory, steps.Length);
            await inventory.ShouldAddUpAsync();
        },
        iter: Effort.Of(8, 20),
        threads: 1,
        print: steps => string.Join('\n', steps.AsEnumerable()));

    private async Task DoAsync(Step step, IReadOnlyList<string> products, Model model, Func<int, Guid> order)
    {
        switch (step)
        {
            case Step.Receive(var product, var quantity):
                await inventory.Handle<ReceiveStock>(h => h.Handle(products[product], new ReceiveStockRequest(quantity, "model"), default));
                model.Adjust(products[product], quantity).ShouldBeTrue();
                break;
            case Step.Adjust(var product, var quantity):
                using (var answer = await inventory.Client.PostAsJsonAsync($"/v1/products/{products[product]}/adjustments", new { quantity, reason = "model" }))
                {
                    answer.StatusCode.ShouldBe(model.Adjust(products[product], quantity) ? HttpStatusCode.Created : HttpStatusCode.Conflict);
                }

                break;
            case Step.Release(var number):
                await inventory.Handle<ReleaseStockHandler>(h => h.Handle(new ReleaseStock(order(number), "model"), default));
                model.Release(order(number));
                break;
            case Step.Ship(var number):
                await inventory.Handle<ShipOrderHandler>(h => h.Handle(new ShipOrder(order(number), Address), default));
                model.Ship(order(number));
                break;
            case Step.Reserve(var number, var items):
                var cart = items.Select(i => new SkuQuantity(products[i.Product], i.Quantity)).ToList();
                await inventory.Handle<ReserveStockHandler>(h => h.Handle(new ReserveStock(order(number), cart), default));
                model.Reserve(order(number), cart);
                break;
        }
    }

    /// <summary>All at once over the broker, every command up to three times and out of order. Who wins is open; what must hold is not.</summary>
    [Fact]
    public Task Whatever_the_order_and_however_often_commands_arrive_the_stock_adds_up() =>
        Gen.Int.SampleAsync(seed => AllAtOnceAsync(new Random(seed)), iter: 1, threads: 1);

    private async Task AllAtOnceAsync(Random random)
    {
        var (products, _) = await CatalogueAsync("R");
        var booked = new ConcurrentDictionary<string, int>();
        var orders = Enumerable.Range(0, Effort.Of(250, 900)).Select(_ => Guid.CreateVersion7()).ToArray();
        var operations = new List<Func<Task>>();
        foreach (var order in orders)
        {
            var cart = Cart(random, products);
            Repeat(() => inventory.Commands.Send(new ReserveStock(order, cart)));
            var end = random.Next(4);
            if (end is 0 or 2)
            {
                Repeat(() => inventory.Commands.Send(new ReleaseStock(order, "cancelled")));
            }

            if (end is 1 or 2)
            {
                Repeat(() => inventory.Commands.Send(new ShipOrder(order, Address)));
            }
        }

        for (var i = 0; i < Effort.Of(80, 300); i++)
        {
            var (sku, quantity) = (products[random.Next(SimpleProducts)], random.Next(1, 25));
            operations.Add(() => Book(sku, "receipts", quantity));
            operations.Add(() => Book(sku, "adjustments", -quantity / 2));
        }

        var shuffled = operations.OrderBy(_ => random.Next()).ToArray();
        output.WriteLine($"{shuffled.Length} operations on {orders.Length} orders");
        await Parallel.ForEachAsync(shuffled, new ParallelOptions { MaxDegreeOfParallelism = 12 }, async (operation, _) => await operation());

        // The queue is empty, and every order was heard of.
        await Poll.UntilAsync(
            async () => await inventory.Database.ScalarAsync<long>(
                $"SELECT count(*) FROM reservations WHERE order_id = ANY('{{{string.Join(',', orders)}}}')") == orders.Length
                && (await inventory.Vhost.GetAsync("queues/inventory.commands")) is var queue
                && queue.TryGetProperty("messages", out var messages) && messages.GetInt32() == 0,
            "every command to be handled", TimeSpan.FromSeconds(120));
        await inventory.ShouldAddUpAsync();

        // What the test itself knows: what it booked successfully is on hand or shipped.
        foreach (var sku in products.Take(SimpleProducts))
        {
            var stock = await inventory.StockAsync(sku);
            (stock.OnHand + stock.Shipped).ShouldBe(booked.GetValueOrDefault(sku), sku);
            await LedgerShouldTellTheStoryAsync(sku, stock);
        }

        // An order is shipped or released, never both, and has one parcel at most.
        await Poll.UntilAsync(
            async () => await inventory.Database.ScalarAsync<long>("SELECT count(*) FROM messaging.outbox") == 0, "every answer to have left");
        foreach (var answers in inventory.Events.All.Where(e => e.Data.TryGetProperty("orderId", out _)).GroupBy(e => e.Data.GetProperty("orderId").GetGuid()))
        {
            var parcels = answers.Where(a => a.Type == "shop.shipment.dispatched.v1").Select(a => a.Subject).Distinct().Count();
            parcels.ShouldBeLessThanOrEqualTo(1);
            (parcels == 1 && answers.Any(a => a.Type == "shop.stock.released.v1")).ShouldBeFalse($"order {answers.Key} was shipped and released");
        }

        // Everybody comes to an end: then nothing is reserved.
        foreach (var order in orders)
        {
            await inventory.Handle<ReleaseStockHandler>(h => h.Handle(new ReleaseStock(order, "the end"), default));
        }

        (await inventory.Database.ScalarAsync<long>("SELECT sum(reserved) FROM stock")).ShouldBe(await HeldByOthersAsync(orders));
        await inventory.ShouldAddUpAsync();

        void Repeat(Func<Task> operation) => operations.AddRange(Enumerable.Repeat(operation, random.Next(1, 4)));

        async Task Book(string sku, string what, int quantity)
        {
            if (quantity == 0)
            {
                return;
            }

            object body = what == "receipts" ? new { quantity, reference = "random" } : new { quantity, reason = "random" };
            using var answer = await inventory.Client.PostAsJsonAsync($"/v1/products/{sku}/{what}", body);
            if (answer.StatusCode == HttpStatusCode.Created)
            {
                booked.AddOrUpdate(sku, quantity, (_, sum) => sum + quantity);
            }
            else
            {
                answer.StatusCode.ShouldBe(HttpStatusCode.Conflict, await answer.Content.ReadAsStringAsync());
            }
        }
    }

    [Fact]
    public async Task An_audit_finds_a_figure_that_somebody_changed_behind_the_ledger()
    {
        var sku = await inventory.StockedAsync(5);
        await inventory.Database.ExecuteAsync($"UPDATE stock SET adjusted = adjusted + 1, on_hand = on_hand + 1 WHERE sku = '{sku}'");

        try
        {
            var audit = await inventory.InScopeAsync<InventoryDbContext, StockAudit>(db => AuditStock.RunAsync(db, TimeProvider.System, default));

            audit.Consistent.ShouldBeFalse();
            audit.Differences.Where(d => d.Sku == sku).Select(d => (d.Check, d.Expected, d.Actual))
                .ShouldBe([("adjusted equals its movements", 0, 1), ("on hand equals its movements", 5, 6)]);
        }
        finally
        {
            await inventory.Database.ExecuteAsync($"UPDATE stock SET adjusted = adjusted - 1, on_hand = on_hand - 1 WHERE sku = '{sku}'");
        }
    }

    private static List<SkuQuantity> Cart(Random random, IReadOnlyList<string> products) =>
        [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => new SkuQuantity(products[random.Next(products.Count)], random.Next(1, 4)))];

    private Task<long> HeldByOthersAsync(Guid[] orders) => inventory.Database.ScalarAsync<long>(
        $"""
        SELECT coalesce(sum((line ->> 'quantity')::int), 0) FROM reservations r, jsonb_array_elements(r.lines) AS line
        WHERE r.status = 'reserved' AND r.order_id <> ALL('{'{'}{string.Join(',', orders)}{'}'}')
        """);

    /// <summary>Each line of the ledger follows from the one before it, and the last one is the stock.</summary>
    private async Task LedgerShouldTellTheStoryAsync(string sku, StockView stock)
    {
        var (onHand, reserved, shipped, version) = (0, 0, 0, 0);
        foreach (var line in await inventory.MovementsAsync(sku))
        {
            version++;
            onHand += Value(line, "onHandChange");
            reserved += Value(line, "reservedChange");
            shipped += Value(line, "shippedChange");
            (Value(line, "version"), Value(line, "onHand"), Value(line, "reserved"), Value(line, "shipped")).ShouldBe((version, onHand, reserved, shipped));
            (reserved >= 0 && onHand >= reserved).ShouldBeTrue($"line {version} of {sku}");
        }

        stock.ShouldBe(new StockView(sku, onHand, reserved, onHand - reserved, shipped));

        static int Value(JsonElement line, string name) => line.GetProperty(name).GetInt32();
    }

    /// <summary>Simple products first, then recipes that share them, one nested.</summary>
    private async Task<(IReadOnlyList<string> Products, Dictionary<string, Dictionary<string, int>> Recipes)> CatalogueAsync(string prefix)
    {
        var products = new List<string>();
        var recipes = new Dictionary<string, Dictionary<string, int>>();
        for (var i = 0; i < SimpleProducts; i++)
        {
            var sku = await inventory.AddAsync(InventoryFixture.NewSku(prefix));
            products.Add(sku);
            recipes[sku] = new() { [sku] = 1 };
        }

        var set = await inventory.AddAsync(InventoryFixture.NewSku(prefix), [(products[0], 2), (products[7], 1)]);
        var bundle = await inventory.AddAsync(InventoryFixture.NewSku(prefix), [(set, 1), (products[0], 1), (products[3], 1)]);
        recipes[set] = new() { [products[0]] = 2, [products[7]] = 1 };
        recipes[bundle] = new() { [products[0]] = 3, [products[7]] = 1, [products[3]] = 1 };
        return ([.. products, set, bundle], recipes);
    }

    private abstract record Step
    {
        public sealed record Receive(int Product, int Quantity) : Step;

        public sealed record Adjust(int Product, int Quantity) : Step;

        public sealed record Release(int Order) : Step;

        public sealed record Ship(int Order) : Step;

        public sealed record Reserve(int Order, (int Product, int Quantity)[] Cart) : Step
        {
            public override string ToString() => $"Reserve {{ Order = {Order}, Cart = [{string.Join(", ", Cart)}] }}";
        }
    }

    /// <summary>The rules in memory, as plainly as they can be said.</summary>
    private sealed class Model(Dictionary<string, Dictionary<string, int>> recipes, IEnumerable<string> skus)
    {
        private readonly Dictionary<string, (int OnHand, int Reserved, int Shipped)> _stock = skus.ToDictionary(s => s, _ => (0, 0, 0));
        private readonly Dictionary<Guid, (string Status, Dictionary<string, int> Parts)> _orders = [];

        public bool Adjust(string sku, int quantity)
        {
            var s = _stock[sku];
            if (s.OnHand + quantity < s.Reserved)
            {
                return false;
            }

            _stock[sku] = (s.OnHand + quantity, s.Reserved, s.Shipped);
            return true;
        }

        public void Reserve(Guid order, IEnumerable<SkuQuantity> cart)
        {
            if (_orders.ContainsKey(order))
            {
                return;
            }

            var parts = cart.SelectMany(i => recipes[i.Sku], (i, p) => (p.Key, Pieces: p.Value * i.Quantity))
                .GroupBy(p => p.Key)
                .ToDictionary(g => g.Key, g => g.Sum(p => p.Pieces));
            var enough = parts.All(p => _stock[p.Key].OnHand - _stock[p.Key].Reserved >= p.Value);
            _orders[order] = (enough ? "reserved" : "failed", parts);
            Move(enough ? parts : [], (s, q) => (s.OnHand, s.Reserved + q, s.Shipped));
        }

        public void Release(Guid order) => End(order, "released", (s, q) => (s.OnHand, s.Reserved - q, s.Shipped));

        public void Ship(Guid order)
        {
            if (_orders.ContainsKey(order))
            {
                End(order, "shipped", (s, q) => (s.OnHand - q, s.Reserved - q, s.Shipped + q));
            }
            else
            {
                _orders[order] = ("released", []);
            }
        }

        public async Task ShouldMatchAsync(InventoryFixture inventory, int step)
        {
            foreach (var (sku, expected) in _stock)
            {
                (await inventory.StockAsync(sku)).ShouldBe(
                    new StockView(sku, expected.OnHand, expected.Reserved, expected.OnHand - expected.Reserved, expected.Shipped), $"after step {step}");
            }
        }

        private void End(Guid order, string status, Func<(int OnHand, int Reserved, int Shipped), int, (int, int, int)> move)
        {
            if (!_orders.TryGetValue(order, out var reservation))
            {
                _orders[order] = (status, []);
            }
            else if (reservation.Status == "reserved")
            {
                _orders[order] = (status, reservation.Parts);
                Move(reservation.Parts, move);
            }
        }

        private void Move(Dictionary<string, int> parts, Func<(int OnHand, int Reserved, int Shipped), int, (int, int, int)> move)
        {
            foreach (var (sku, quantity) in parts)
            {
                _stock[sku] = move(_stock[sku], quantity);
            }
        }
    }
}
