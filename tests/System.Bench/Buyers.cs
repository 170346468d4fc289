using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis.Testing;
using Npgsql;
using Shop.Cluster;

namespace Shop.SystemBench;

/// <summary>Customers who order what is in stock and pay with a good card: everything they order is to be fulfilled.</summary>
internal sealed class Buyers : IAsyncDisposable
{
    private const int Customers = 20;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    private readonly List<ShopClient> _clients = [];
    private readonly string[] _skus = [.. Enumerable.Range(1, 12).Select(n => $"item-{n:00}")];
    private readonly NpgsqlDataSource _orders;
    private int _turn;

    private Buyers(NpgsqlDataSource orders) => this._orders = orders;

    /// <summary>Registers customers, fills the shelves, and waits until the orders service has heard of both.</summary>
    /// <param name="cluster">Where.</param>
    /// <param name="operators">Who registers them, by turns, so that they are of their tenant; empty for customers of no tenant.</param>
    public static async Task<Buyers> OpenAsync(ShopCluster cluster, params ShopClient[] operators)
    {
        var buyers = new Buyers(NpgsqlDataSource.Create(cluster.Database("orders").Administration));
        using var shop = await ShopClient.OperatorAsync(cluster);
        foreach (var sku in buyers._skus)
        {
            await shop.StockAsync(sku, quantity: 1_000_000);
        }

        for (var i = 0; i < Customers; i++)
        {
            buyers._clients.Add(await ShopClient.RegisterAsync(cluster, $"customer-{i}", operators.Length == 0 ? null : operators[i % operators.Length]));
        }

        foreach (var sku in buyers._skus)
        {
            await Poll.UntilAsync(
                async () =>
                {
                    using var draft = await buyers._clients[0].SendAsync(
                        HttpMethod.Post, "orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } });
                    return draft.IsSuccessStatusCode;
                },
                $"the orders service to know the product {sku}");
        }

        return buyers;
    }

    /// <summary>A closed loop: as soon as an order is completed, the next one is placed, so that a number of them is always under way.</summary>
    public async Task<IReadOnlyList<Guid>> KeepUnderWayAsync(int number, CancellationToken stop)
    {
        var open = new ConcurrentDictionary<Guid, bool>();
        var all = new ConcurrentQueue<Guid>();
        using var places = new SemaphoreSlim(number);
        var placing = new List<Task>();
        var watching = WatchAsync();
        try
        {
            while (true)
            {
                await places.WaitAsync(stop);
                placing.RemoveAll(p => p.IsCompletedSuccessfully);
                placing.Add(PlaceAsync());
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(placing);
        }

        await watching;
        return [.. all];

        async Task PlaceAsync()
        {
            var id = await OrderAsync();
            all.Enqueue(id);
            open[id] = true;
        }

        async Task WatchAsync()
        {
            while (!stop.IsCancellationRequested)
            {
                foreach (var id in await EndedAsync([.. open.Keys]))
                {
                    open.TryRemove(id, out _);
                    places.Release();
                }

                await Task.Delay(LookEvery, CancellationToken.None);
            }
        }
    }

    /// <summary>An open loop: orders arrive whether or not those before are done.</summary>
    /// <param name="perSecond">How many.</param>
    /// <param name="duration">For how long.</param>
    /// <param name="chance">By which they come, independent of each other (a Poisson process); null for one like the other.</param>
    /// <param name="order">Places one; null for whoever's turn it is, of what comes next.</param>
    /// <returns>
    /// Each order with the moment at which it was meant to arrive, so that a queue at the door counts as waiting, and that at which it was accepted.
    /// </returns>
    public async Task<IReadOnlyList<(Guid Id, DateTimeOffset Intended, DateTimeOffset Accepted)>> ArriveAsync(
        double perSecond, TimeSpan duration, Random? chance = null, Func<Task<Guid>>? order = null)
    {
        var (began, clock) = (DateTimeOffset.UtcNow, Stopwatch.StartNew());
        var arrivals = new List<Task<(Guid, DateTimeOffset, DateTimeOffset)>>();
        for (var intended = TimeSpan.Zero; intended < duration; intended += TimeSpan.FromSeconds(Gap() / perSecond))
        {
            if (intended - clock.Elapsed is { Ticks: > 0 } early)
            {
                await Task.Delay(early);
            }

            arrivals.Add(PlaceAsync(began + intended));
        }

        return await Task.WhenAll(arrivals);

        double Gap() => chance is null ? 1 : -Math.Log(1 - chance.NextDouble());

        async Task<(Guid, DateTimeOffset, DateTimeOffset)> PlaceAsync(DateTimeOffset intended) =>
            (await (order ?? OrderAsync)(), intended, DateTimeOffset.UtcNow);
    }

    /// <summary>Reads orders by id, a few at a time, as fast as they are answered.</summary>
    /// <returns>Answers in a second.</returns>
    public async Task<double> ReadAsync(IReadOnlyList<Guid> ids, int readers, TimeSpan duration)
    {
        // Only the owner may read an order; the operator may read all of them, but would be one caller.
        var mine = await OwnersAsync(ids);
        var (clock, read) = (Stopwatch.StartNew(), 0);
        await Task.WhenAll(Enumerable.Range(0, readers).Select(async _ =>
        {
            while (clock.Elapsed < duration)
            {
                var (id, owner) = mine[Random.Shared.Next(mine.Count)];
                using var answer = await owner.SendAsync(HttpMethod.Get, "orders", $"/v1/orders/{id}");
                answer.EnsureSuccessStatusCode();
                Interlocked.Increment(ref read);
            }
        }));
        return read / clock.Elapsed.TotalSeconds;
    }

    /// <summary>When each order was completed, by its own account; throws when one is not in time, or came to another end.</summary>
    public async Task<IReadOnlyDictionary<Guid, DateTimeOffset>> CompletionsAsync(IReadOnlyCollection<Guid> ids, TimeSpan patience)
    {
        var array = ids.ToArray();
        await Poll.UntilAsync(async () => (await EndedAsync(array)).Count == array.Length, "every order to come to its end", patience);
        await using var command = _orders.CreateCommand(
            "SELECT id, (document->>'completedAt')::timestamptz FROM orders WHERE id = ANY($1) AND status = 'completed'");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = array });
        await using var reader = await command.ExecuteReaderAsync();
        var times = new Dictionary<Guid, DateTimeOffset>();
        while (await reader.ReadAsync())
        {
            times[reader.GetGuid(0)] = reader.GetFieldValue<DateTimeOffset>(1);
        }

        return times.Count == array.Length
            ? times
            : throw new InvalidOperationException(
                $"{array.Length - times.Count} of {array.Length} orders that should have been fulfilled failed or were cancelled.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await _orders.DisposeAsync();
    }

    /// <summary>One of these customers orders one of these products, by turns.</summary>
    public Task<Guid> OrderAsync(Predicate<int> customers, Range products)
    {
        var number = Interlocked.Increment(ref _turn);
        ShopClient[] who = [.. _clients.Where((_, i) => customers(i))];
        var what = _skus[products];
        return who[number % who.Length].OrderAsync("pm_card_visa", (what[number % what.Length], 1));
    }

    private Task<Guid> OrderAsync()
    {
        var number = Interlocked.Increment(ref _turn);
        return _clients[number % _clients.Count].OrderAsync("pm_card_visa", (_skus[number % _skus.Length], 1 + (number % 3)));
    }

    private async Task<List<Guid>> EndedAsync(Guid[] ids)
    {
        await using var command = _orders.CreateCommand("SELECT id FROM orders WHERE id = ANY($1) AND status IN ('completed', 'cancelled', 'failed')");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = ids });
        await using var reader = await command.ExecuteReaderAsync();
        var ended = new List<Guid>();
        while (await reader.ReadAsync())
        {
            ended.Add(reader.GetGuid(0));
        }

        return ended;
    }

    private async Task<IReadOnlyList<(Guid Id, ShopClient Owner)>> OwnersAsync(IReadOnlyList<Guid> ids)
    {
        var byUser = _clients.ToDictionary(c => c.UserId);
        await using var command = _orders.CreateCommand("SELECT id, user_id FROM orders WHERE id = ANY($1)");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids] });
        await using var reader = await command.ExecuteReaderAsync();
        var mine = new List<(Guid, ShopClient)>();
        while (await reader.ReadAsync())
        {
            mine.Add((reader.GetGuid(0), byUser[reader.GetGuid(1)]));
        }

        return mine;
    }
}
