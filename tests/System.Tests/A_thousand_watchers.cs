using System.Diagnostics;
using System.Net;
using Chassis.Testing;
using Shop.Cluster;
using Shop.SystemTests.Running;
using StackExchange.Redis;

namespace Shop.SystemTests;

/// <summary>
/// Two replicas behind the gateway, and a thousand streams of live orders open at them, of which each has to show every change once and in order.
/// </summary>
public sealed class A_thousand_watchers : IAsyncLifetime
{
    private const int Orders = 25;
    private const int WatchersOfEach = 40;
    private const int Changes = 3;      // in each of the four parts

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<OrderWatcher> _watchers = [];
    private readonly CancellationTokenSource _enough = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 2 * Orders * WatchersOfEach })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };
    private ShopCluster _cluster = null!;
    private ShopClient _operator = null!;
    private ShopClient _customer = null!;
    private Task _watching = Task.CompletedTask;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _enough.CancelAsync();
        await _watching;
        _http.Dispose();
        _enough.Dispose();
        _operator?.Dispose();
        _customer?.Dispose();
        await (_cluster?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task See_every_change_once_and_in_order_also_while_a_replica_is_killed(bool redis)
    {
        await using var line = redis ? new RedisLine() : null;
        await StartAsync(line?.Connection);
        var orders = await DraftAsync();
        Watch(orders);
        await UntilAllHaveSeenAsync(orders, "what there is");

        var began = Stopwatch.GetTimestamp();
        await ChangeAsync(orders);
        await UntilAllHaveSeenAsync(orders, "the changes while all is well");
        if (line is not null)
        {
            line.Cut();
            await ChangeAsync(orders);
            await UntilAllHaveSeenAsync(orders, "the changes while Redis is away");
            line.Mend();
            await UntilBothListenAsync();
        }

        // While they are made.
        var changing = ChangeAsync(orders);
        var victim = _cluster.Of("orders")[1];
        victim.Kill();
        await changing;
        await UntilAllHaveSeenAsync(orders, "the changes while a replica was killed");
        victim.Start();
        await victim.WaitUntilReadyAsync();
        await ChangeAsync(orders);
        await UntilAllHaveSeenAsync(orders, "the changes when it is back");

        var reconnected = _watchers.Count(w => w.Connections > 1);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_watchers.Count} watchers saw {_watchers.Sum(w => w.Seen.Count)} changes in {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s; {reconnected} came back.");
        foreach (var watcher in _watchers)
        {
            watcher.Seen.ShouldBe(Enumerable.Range(1, (int)watcher.Last).Select(v => (long)v), $"of order {watcher.Order}");
        }

        reconnected.ShouldBeGreaterThan(Orders * WatchersOfEach / 4, "those of the replica that was killed");
    }

    private async Task StartAsync(string? redis)
    {
        var settings = new Dictionary<string, string>
        {
            ["Orders__StreamsPerCaller"] = $"{2 * Orders * WatchersOfEach}",
            ["Orders__StreamsPerOrder"] = $"{2 * WatchersOfEach}",
            ["RateLimit__Permits"] = "100000",
            ["RateLimit__Concurrent"] = "10000",
        };
        if (redis is not null)
        {
            settings["Redis__Connection"] = redis;
        }

        _cluster = await ShopCluster.StartAsync(new ClusterOptions { Replicas = 2, Gateway = true, Settings = settings });
        _operator = await ShopClient.OperatorAsync(_cluster);
        _customer = await ShopClient.RegisterAsync(_cluster, "ada");
        await _operator.StockAsync("WATCHED", 1);
        if (redis is not null)
        {
            await UntilBothListenAsync();
        }
    }

    private static async Task UntilBothListenAsync()
    {
        await using var redis = await ConnectionMultiplexer.ConnectAsync(TestServers.Redis);
        await Poll.UntilAsync(
            async () => (long)(await redis.GetDatabase().ExecuteAsync("PUBSUB", "NUMSUB", "orders:bus:streams"))[1] >= 2, "both replicas to listen", Patience);
    }

    private async Task<IReadOnlyList<Guid>> DraftAsync()
    {
        var body = new { items = new[] { new { sku = "WATCHED", quantity = 1 } } };
        await Poll.UntilAsync(
            async () =>
            {
                using var answer = await _customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", body, Guid.NewGuid().ToString());
                return answer.StatusCode == HttpStatusCode.Created;
            },
            "the product in the catalogue of orders",
            Patience);
        var orders = new List<Guid>();
        for (var i = 0; i < Orders; i++)
        {
            orders.Add((await _customer.PostAsync("orders", "/v1/orders", body)).GetProperty("id").GetGuid());
        }

        return orders;
    }

    private void Watch(IReadOnlyList<Guid> orders)
    {
        foreach (var order in orders)
        {
            for (var i = 0; i < WatchersOfEach; i++)
            {
                _watchers.Add(new OrderWatcher(_http, _cluster.AddressOf("orders"), _customer.Authorization!, order));
            }
        }

        _watching = Task.WhenAll(_watchers.Select(w => w.WatchAsync(_enough.Token)));
    }

    private Task ChangeAsync(IReadOnlyList<Guid> orders) => Parallel.ForEachAsync(
        orders,
        new ParallelOptions { MaxDegreeOfParallelism = 5 },
        async (order, ct) =>
        {
            for (var i = 0; i < Changes; i++)
            {
                await AddAsync(order, Guid.NewGuid().ToString(), ct);
            }
        });

    /// <summary>Under one key, however often it has to be sent: a replica may be gone before it has answered.</summary>
    private async Task AddAsync(Guid order, string key, CancellationToken ct) => await Poll.UntilAsync(
        async () =>
        {
            try
            {
                using var answer = await _customer.SendAsync(HttpMethod.Post, "orders", $"/v1/orders/{order}/items", new { sku = "WATCHED", quantity = 1 }, key, ct);
                return answer.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        },
        $"order {order} to be changed",
        Patience);

    private async Task UntilAllHaveSeenAsync(IReadOnlyList<Guid> orders, string what)
    {
        foreach (var order in orders)
        {
            var version = (await _customer.GetAsync("orders", $"/v1/orders/{order}")).GetProperty("version").GetInt64();
            var watchers = _watchers.Where(w => w.Order == order).ToList();
            await Poll.UntilAsync(
                () => Task.FromResult(watchers.Where(w => w.Last < version).Select(w => $"{w.Last} {w.Refusal}").Distinct().ToList()),
                behind => behind.Count == 0,
                $"every watcher of {order} to see {what}, up to version {version}",
                Patience);
        }
    }
}
