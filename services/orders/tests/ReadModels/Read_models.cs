using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.EventSourcing;
using Chassis.Testing;
using Chassis.Web;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orders.Domain;
using Orders.ReadModels;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.ReadModels;

/// <summary>Read models are a function of the events, whatever happened in whatever order, also while they are being rebuilt.</summary>
public sealed class Read_models : IAsyncLifetime
{
    private readonly OrdersFixture _orders = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _orders.InitializeAsync();

    public ValueTask DisposeAsync() => _orders.DisposeAsync();

    [Fact]
    public async Task Equal_the_fold_of_the_events_after_random_histories_and_three_rebuilds_under_way()
    {
        using var @operator = _orders.Operator();
        await AnyHistory.Array[20].Array[4].SampleAsync(
            async histories =>
            {
                using var stop = new CancellationTokenSource();
                var writers = histories.Select(h => Task.Run(() => WriteAgainAndAgain(h, stop.Token))).ToArray();
                var reader = Task.Run(() => ReadAllTheTime(@operator, stop.Token));
                foreach (var name in new[] { "orders", "sales", "orders" })
                {
                    var settled = await AtLeastSettledEvents(100);
                    var rebuild = await Rebuild(@operator, name);
                    rebuild["state"]!.GetValue<string>().ShouldBe("completed", rebuild.ToJsonString());
                    rebuild["differences"]!.GetValue<long>().ShouldBe(0);
                    rebuild["events"]!.GetValue<long>().ShouldBeGreaterThanOrEqualTo(settled);
                }

                await stop.CancelAsync();
                await Task.WhenAll([.. writers, reader]);
            },
            iter: 1,
            threads: 1);

        var folded = await Fold();
        folded.Count.ShouldBeGreaterThan(20);
        folded.Values.Select(o => o.State.Status).Distinct().Count().ShouldBeGreaterThan(4);
        (await _orders.Database.ScalarAsync<long>("SELECT count(*) FROM orders")).ShouldBe(folded.Count);
        await OrdersEqual(folded);
        (await SalesEqual()).ShouldBePositive();
    }

    /// <summary>The same without anything beside it: what fails here is shortened to the fewest commands.</summary>
    [Fact]
    public Task Equal_the_fold_of_the_events_after_any_history() => AnyHistory.SampleAsync(
        async history =>
        {
            var id = await Write(history);
            await OrdersEqual((await Fold()).Where(o => o.Key == id).ToDictionary());
            await SalesEqual();
        },
        iter: 40,
        threads: 1,
        print: history => string.Join('\n', history.AsEnumerable()));

    [Fact]
    public async Task Are_rebuilt_one_at_a_time_and_by_their_name()
    {
        using var @operator = _orders.Operator();
        using var unknown = await @operator.PostAsync(new Uri("/v1/ops/projections/moon/rebuild", UriKind.Relative), null, Cancelled);
        unknown.StatusCode.ShouldBe(HttpStatusCode.NotFound);

        using var list = await @operator.GetAsync(new Uri("/v1/ops/projections", UriKind.Relative), Cancelled);
        (await Json(list))["items"]!.AsArray().Select(p => $"{p!["name"]} {p["mode"]}").ShouldBe(["orders consistent", "sales asynchronous"]);

        await _orders.Database.ExecuteAsync("UPDATE event_store.projections SET rebuild_state = 'running', rebuild_requested_at = now() WHERE name = 'sales'");
        using var twice = await @operator.PostAsync(new Uri("/v1/ops/projections/sales/rebuild", UriKind.Relative), null, Cancelled);
        twice.StatusCode.ShouldBe(HttpStatusCode.Conflict);

        // What was asked for before a crash is done after it.
        await Poll.UntilAsync(
            () => Status(@operator, "sales"), s => s["rebuild"]!["state"]!.GetValue<string>() == "completed", "the interrupted rebuild to be done");
    }

    [Fact]
    public async Task Do_not_bring_back_what_was_erased_while_they_were_being_rebuilt()
    {
        using var client = _orders.Customer();
        var id = await Place(client);
        var user = await _orders.Database.ScalarAsync<Guid>($"SELECT user_id FROM orders WHERE id = '{id}'");
        await _orders.Database.ExecuteAsync(
            $"""
            INSERT INTO orders_shadow SELECT * FROM orders WHERE id = '{id}';
            UPDATE event_store.personal_keys SET key = NULL WHERE subject = '{user}'
            """);
        await using var connection = await _orders.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(Cancelled);
        await new OrdersProjection().CompleteAsync(new ProjectionTarget(connection, Shadow: true), Cancelled);

        (await _orders.Database.ScalarAsync<string>($"SELECT document::text FROM orders_shadow WHERE id = '{id}'")).ShouldNotContain("Lovelace");
    }

    /// <summary>All of them at least once, and then from the front until it is enough.</summary>
    private async Task WriteAgainAndAgain(OrderCommand[][] histories, CancellationToken stop)
    {
        for (var i = 0; i < histories.Length || !stop.IsCancellationRequested; i++)
        {
            await Write(histories[i % histories.Length]);
        }
    }

    private async Task<Guid> Write(OrderCommand[] history)
    {
        await using var scope = _orders.Services.CreateAsyncScope();
        var store = scope.ServiceProvider.GetRequiredService<OrderStore>();
        var id = NewId();
        foreach (var command in history.Prepend(new Draft(id, NewId(), "EUR", Now)))
        {
            await Do(store, id, command);
        }

        return id;
    }

    private static async Task Do(OrderStore store, Guid id, OrderCommand command)
    {
        try
        {
            await store.ChangeAsync(id, command, CancellationToken.None);
        }
        catch (OrderRefusedException)
        {
            // What does not fit is refused.
        }
    }

    private static readonly Submit PlaceIt = new(
        "pm_card_visa",
        new Address("Ada", "1 Way", null, "London", "N1", "GB"),
        [new Product(Lamp, "Lamp", new Money(19.99m, "EUR")), new Product(Desk, "Desk", new Money(249m, "EUR"))],
        new ChargeLimits(0.01m, 999_999.99m),
        Now);

    private static readonly Gen<OrderCommand> AnItem = Gen.Select(
        Gen.OneOf(Lamp, Desk), Gen.Int[1, 9_999], Gen.Int[1, 4],
        OrderCommand (sku, cents, quantity) => new AddItem(new Product(sku, "A product", new Money(cents / 100m, "EUR")), quantity, Now));

    private static readonly Gen<OrderCommand> ADisturbance = Gen.Frequency(
        (2, AnItem),
        (6, Gen.OneOf<OrderCommand>(
            new RemoveItem(Lamp, Now),
            PlaceIt,
            new RequestCancellation("random", Now),
            new Cancel("random", null, Now),
            new Fail("random", new Money(1m, "EUR"), Now),
            new Confirm(Now))));

    /// <summary>The way of an order, or as far as it got, and what came in between.</summary>
    private static readonly Gen<OrderCommand[]> AnyHistory = Gen.Select(
        AnItem, ADisturbance.Array[0, 1].Array[5], Gen.Int[1, 8],
        OrderCommand[] (item, between, length) =>
        [
            .. new[] { item, PlaceIt, new Confirm(Now), new Ship(new Shipment(NewId(), "DHL", "JD"), Now), new Complete(Now) }
                .Zip(between, OrderCommand[] (step, disturbance) => [step, .. disturbance]).Take(length).SelectMany(steps => steps),
        ]);

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private static async Task ReadAllTheTime(HttpClient client, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var path in new[] { "/v1/orders?limit=5", "/v1/statistics/sales" })
            {
                using var response = await client.GetAsync(new Uri(path, UriKind.Relative), CancellationToken.None);
                response.StatusCode.ShouldBe(HttpStatusCode.OK);
            }
        }
    }

    /// <returns>How many events every later rebuild has to count.</returns>
    private async Task<long> AtLeastSettledEvents(int more)
    {
        var goal = more + await Settled();
        return await Poll.UntilAsync(Settled, settled => settled >= goal, $"{goal} settled events", TimeSpan.FromSeconds(120));

        Task<long> Settled() =>
            _orders.Database.ScalarAsync<long>("SELECT count(*) FROM event_store.events WHERE position <= event_store.last_final_position()");
    }

    private static async Task<JsonNode> Rebuild(HttpClient client, string name)
    {
        using var asked = await client.PostAsync(new Uri($"/v1/ops/projections/{name}/rebuild", UriKind.Relative), null, Cancelled);
        asked.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var status = await Poll.UntilAsync(
            () => Status(client, name),
            s => s["rebuild"]!["state"]!.GetValue<string>() is "completed" or "failed",
            $"{name} to be rebuilt",
            TimeSpan.FromSeconds(60));
        return status["rebuild"]!;
    }

    private static async Task<JsonNode> Status(HttpClient client, string name)
    {
        using var response = await client.GetAsync(new Uri("/v1/ops/projections", UriKind.Relative), Cancelled);
        return (await Json(response))["items"]!.AsArray().Single(p => p!["name"]!.GetValue<string>() == name)!;
    }

    private async Task<Dictionary<Guid, VersionedOrder>> Fold()
    {
        await using var scope = _orders.Services.CreateAsyncScope();
        var events = await scope.ServiceProvider.GetRequiredService<EventStore>().FindAsync(new EventQuery(Limit: int.MaxValue), Cancelled);
        return events.GroupBy(e => e.StreamId).ToDictionary(
            g => g.Key, g => new VersionedOrder(Order.Fold(g.OrderBy(e => e.Version).Select(e => (OrderEvent)e.Data))!, g.Max(e => e.Version), null));
    }

    /// <summary>As it is stored: what a caller sees of a draft are today's prices.</summary>
    private async Task OrdersEqual(Dictionary<Guid, VersionedOrder> folded)
    {
        foreach (var (id, order) in folded)
        {
            var stored = OrdersProjection.View(
                await _orders.Database.ScalarAsync<string>($"SELECT document::text FROM orders WHERE id = '{id}'"),
                await _orders.Database.ScalarAsync<long>($"SELECT version FROM orders WHERE id = '{id}'"));
            JsonSerializer.Serialize(stored, WebJson).ShouldBe(JsonSerializer.Serialize(OrderView.Of(order.State, order.Version), WebJson));
        }
    }

    /// <returns>How many orders were completed.</returns>
    private async Task<int> SalesEqual()
    {
        await using var scope = _orders.Services.CreateAsyncScope();
        var events = await scope.ServiceProvider.GetRequiredService<EventStore>().FindAsync(new EventQuery(Limit: int.MaxValue), Cancelled);
        var completed = events.Select(e => e.Data).OfType<OrderCompleted>().ToArray();
        var placed = events.Count(e => e.Data is OrderSubmitted);
        var expected = (placed, completed.Length, completed.Sum(c => c.Lines.Sum(l => l.Quantity)), completed.Sum(c => c.Total.Amount));
        await Poll.UntilAsync(
            async () => (
                (int)await _orders.Database.ScalarAsync<decimal>("SELECT coalesce(sum(placed), 0) FROM sales_by_day"),
                (int)await _orders.Database.ScalarAsync<decimal>("SELECT coalesce(sum(orders), 0) FROM sales_by_day"),
                (int)await _orders.Database.ScalarAsync<decimal>("SELECT coalesce(sum(quantity), 0) FROM sales_by_product"),
                await _orders.Database.ScalarAsync<decimal>("SELECT coalesce(sum(revenue), 0) FROM sales_by_product")),
            s => s == expected,
            $"the sales to be {expected}");
        return completed.Length;
    }

    private static JsonSerializerOptions WebJson { get; } = CreateWebJson();

    private static JsonSerializerOptions CreateWebJson()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        ServiceDefaults.ConfigureJson(options);
        return options;
    }
}
