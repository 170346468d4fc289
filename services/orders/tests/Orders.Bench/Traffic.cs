using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis;

namespace Orders.Bench;

/// <summary>Customers who place orders (about 40 a second, as long as the service keeps up) and read them (about 100 a second) until it is disposed.</summary>
internal sealed class Traffic : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<double> _placing = [];
    private readonly ConcurrentBag<double> _reading = [];
    private readonly Task[] _customers;

    public Traffic(ManyOrders shop)
    {
        _customers =
        [
            .. Enumerable.Range(0, 4).Select(
                _ => Task.Run(() => Live(shop, TimeSpan.FromMilliseconds(100), _placing, (client, _) => ManyOrders.Place(client)))),
            .. Enumerable.Range(0, 2).Select(_ => Task.Run(() => ReadOn(shop))),
        ];
    }

    /// <summary>Milliseconds of each order placed.</summary>
    public IReadOnlyCollection<double> Placing => _placing;

    /// <summary>Milliseconds of each order or list read.</summary>
    public IReadOnlyCollection<double> Reading => _reading;

    public async Task For(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_customers);
        _stop.Dispose();
    }

    private async Task ReadOn(ManyOrders shop)
    {
        var order = await shop.Database.ScalarAsync<Guid>($"SELECT id FROM orders WHERE user_id = '{History.BigCustomer}' LIMIT 1");
        await Live(
            shop,
            TimeSpan.FromMilliseconds(20),
            _reading,
            (client, n) => ManyOrders.Get(client, n % 2 == 0 ? $"/v1/orders/{order}" : "/v1/orders"),
            History.BigCustomer);
    }

    private async Task Live(ManyOrders shop, TimeSpan pace, ConcurrentBag<double> times, Func<HttpClient, int, Task> act, Guid? customer = null)
    {
        using var client = shop.ClientFor(customer ?? Ids.New(TimeProvider.System));
        using var timer = new PeriodicTimer(pace);
        for (var n = 0; !_stop.IsCancellationRequested; n++)
        {
            var started = Stopwatch.GetTimestamp();
            await act(client, n);
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            await timer.WaitForNextTickAsync();
        }
    }
}
