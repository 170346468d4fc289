using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;

namespace Shop.SystemTests;

/// <summary>kill -9 of the database's server while orders are on their way, and the server that follows it takes over.</summary>
public sealed class When_the_database_fails_over
{
    private const string Sku = "FAILOVER";
    private const int Customers = 3;
    private const int Stock = 100_000;

    /// <summary>From the moment of the kill until the next order is accepted.</summary>
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<(Guid Order, DateTime At)> _accepted = [];

    [Fact]
    public async Task Nothing_that_was_accepted_is_lost_with_a_synchronous_one()
    {
        await using var pair = await PairOfDatabases.StartAsync("sync");
        TestServers.UsePostgres(pair.Administrator);
        await using var cluster = await StartAsync();
        using var @operator = await ShopClient.OperatorAsync(cluster);
        using var over = new CancellationTokenSource();
        var customers = await BeginAsync(cluster, @operator, over.Token);

        var (killed, promoted) = await FailOverAsync(pair);
        await EndAsync(customers, over);

        (FirstAfter(promoted) - killed).ShouldBeLessThan(Promised);
        foreach (var (order, _) in _accepted)
        {
            await IsAsync(@operator, order, "completed");
        }

        await BooksAddUpAsync(cluster, @operator);
        foreach (var service in ShopCluster.ServiceNames)
        {
            (await @operator.GetAsync(service, "/v1/ops/dead-letters")).GetProperty("items").GetArrayLength().ShouldBe(0, service);
        }
    }

    [Fact]
    public async Task What_an_asynchronous_one_loses_is_what_it_had_not_got_yet()
    {
        await using var pair = await PairOfDatabases.StartAsync("async");
        TestServers.UsePostgres(pair.Administrator);
        await using var cluster = await StartAsync();
        using var @operator = await ShopClient.OperatorAsync(cluster);
        using var over = new CancellationTokenSource();
        var customers = await BeginAsync(cluster, @operator, over.Token);

        var had = await pair.CutAsync();
        var before = _accepted.Count;
        await Poll.UntilAsync(() => _accepted.Count >= before + 5, "orders of which the second server hears nothing");
        var lag = await pair.LagAsync();
        lag.ShouldBeGreaterThan(0);
        var (killed, promoted) = await FailOverAsync(pair);
        await EndAsync(customers, over);

        (FirstAfter(promoted) - killed).ShouldBeLessThan(Promised);
        var lost = new List<DateTime>();
        var again = FirstAfter(promoted);
        foreach (var (order, at) in _accepted)
        {
            // What was under way at the cut may have lost an answer that is not given twice, and waits for its deadline.
            if (at >= again)
            {
                await IsAsync(@operator, order, "completed");
            }
            else if (await IsGoneAsync(@operator, order))
            {
                lost.Add(at);
            }
        }

        lost.ShouldAllBe(at => at > had, "what the second server had is there");
        lost.ShouldNotBeEmpty("the second server was behind");
        TestContext.Current.SendDiagnosticMessage($"{lag} bytes behind; {lost.Count} of {_accepted.Count} orders lost, accepted up to {(killed - lost.Min()).TotalSeconds:0.0} s before");
        await ReadModelsAreTheEventsAsync(cluster, @operator);
    }

    private static Task<ShopCluster> StartAsync() => ShopCluster.StartAsync(new ClusterOptions
    {
        Supervise = true,
        Settings = new Dictionary<string, string>
        {
            ["Fulfilment__AskAgain"] = "00:00:05", ["Messaging__Lease"] = "00:00:03", ["Mail__Lease"] = "00:00:12",
        },
    });

    /// <summary>Customers who order one after the other, until it is over; when some have been accepted.</summary>
    private async Task<Task[]> BeginAsync(ShopCluster cluster, ShopClient @operator, CancellationToken over)
    {
        await @operator.StockAsync(Sku, Stock);
        var customers = new List<ShopClient>();
        for (var i = 0; i < Customers; i++)
        {
            customers.Add(await ShopClient.RegisterAsync(cluster, $"customer{i}"));
        }

        await Poll.UntilAsync(async () => await TryOrderAsync(customers[0]), $"{Sku} in the catalogue of orders", RunningShop.Patience);
        Task[] busy = [.. customers.Select(c => Task.Run(() => OrderAsync(c, over), CancellationToken.None))];
        await Poll.UntilAsync(() => _accepted.Count >= 30, "thirty orders");
        return busy;
    }

    /// <returns>When it began, and when the second server took over: what is accepted in between may still be the first one's.</returns>
    private async Task<(DateTime Killed, DateTime Promoted)> FailOverAsync(PairOfDatabases pair)
    {
        var killed = TimeProvider.System.GetUtcNow().UtcDateTime;
        await pair.FailOverAsync();
        var promoted = TimeProvider.System.GetUtcNow().UtcDateTime;
        await Poll.UntilAsync(() => _accepted.Count(o => o.At > promoted) >= 20, "twenty orders more");
        return (killed, promoted);
    }

    private static async Task EndAsync(Task[] customers, CancellationTokenSource over)
    {
        await over.CancelAsync();
        await Task.WhenAll(customers);
    }

    private DateTime FirstAfter(DateTime time) => _accepted.Where(o => o.At > time).Min(o => o.At);

    private async Task OrderAsync(ShopClient customer, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            if (!await TryOrderAsync(customer))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
            }
        }
    }

    private async Task<bool> TryOrderAsync(ShopClient customer)
    {
        try
        {
            using var answer = await customer.SendAsync(
                HttpMethod.Post, "orders", "/v1/orders", ShopClient.OrderBody("pm_card_visa", (Sku, 1)), Guid.NewGuid().ToString());
            if (!answer.IsSuccessStatusCode)
            {
                return false;
            }

            var order = await answer.Content.ReadFromJsonAsync<JsonElement>();
            _accepted.Enqueue((order.GetProperty("id").GetGuid(), TimeProvider.System.GetUtcNow().UtcDateTime));
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static Task<string?> IsAsync(ShopClient @operator, Guid order, string status) => Poll.UntilAsync(
        async () => (await @operator.GetAsync("orders", $"/v1/orders/{order}")).GetProperty("status").GetString(),
        s => s == status,
        $"order {order} to be {status}",
        RunningShop.Patience);

    private static async Task<bool> IsGoneAsync(ShopClient @operator, Guid order)
    {
        using var answer = await @operator.SendAsync(HttpMethod.Get, "orders", $"/v1/orders/{order}");
        return answer.StatusCode == HttpStatusCode.NotFound;
    }

    private async Task BooksAddUpAsync(ShopCluster cluster, ShopClient @operator)
    {
        var stock = await Poll.UntilAsync(
            () => @operator.GetAsync("inventory", $"/v1/products/{Sku}/stock"), s => s.GetProperty("reserved").GetInt32() == 0, "no reservation to be left", RunningShop.Patience);
        stock.GetProperty("shipped").GetInt32().ShouldBeGreaterThanOrEqualTo(_accepted.Count);
        (await @operator.GetAsync("inventory", "/v1/ops/stock-audit")).GetProperty("differences").ToString().ShouldBe("[]");
        await Poll.UntilAsync(
            () => @operator.GetAsync("orders", "/v1/ops/payments/reconciliation"), l => l.GetProperty("inFlight").GetInt32() == 0, "no payment to be under way", RunningShop.Patience);
        (await @operator.GetAsync("orders", "/v1/ops/payments/reconciliation")).GetProperty("differences").ToString().ShouldBe("[]");
        await ReadModelsAreTheEventsAsync(cluster, @operator);
    }

    /// <summary>Streams have no gap, projections have come to their end, and nothing waits to leave.</summary>
    private static async Task ReadModelsAreTheEventsAsync(ShopCluster cluster, ShopClient @operator)
    {
        var orders = cluster.Database("orders");
        (await orders.ScalarAsync<long>("SELECT count(*) FROM (SELECT FROM event_store.events GROUP BY stream_id HAVING max(version) <> count(*)) AS gaps")).ShouldBe(0);
        (await orders.ScalarAsync<long>("SELECT count(*) FROM orders")).ShouldBe(await orders.ScalarAsync<long>("SELECT count(DISTINCT stream_id) FROM event_store.events"));
        await Poll.UntilAsync(
            async () => (await @operator.GetAsync("orders", "/v1/ops/projections")).GetProperty("items").EnumerateArray().Sum(p => p.GetProperty("lag").GetInt64()),
            lag => lag == 0,
            "every projection to be at the end of the store",
            RunningShop.Patience);
        foreach (var service in ShopCluster.ServiceNames)
        {
            await Poll.UntilAsync(
                () => cluster.Database(service).ScalarAsync<long>("SELECT count(*) FROM messaging.outbox WHERE due_at <= now()"),
                n => n == 0,
                string.Create(CultureInfo.InvariantCulture, $"the outbox of {service} to be empty"),
                RunningShop.Patience);
        }
    }
}
