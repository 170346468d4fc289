using System.Net;

namespace Chassis.Testing;

/// <summary>The way to the Redis of the tests, which can be cut.</summary>
public sealed class RedisLine : IAsyncDisposable
{
    private readonly TcpProxy _proxy;

    public RedisLine()
    {
        var server = TestServers.Redis.Split(',', 2);
        var (host, port) = (server[0].Split(':')[0], int.Parse(server[0].Split(':')[1], System.Globalization.CultureInfo.InvariantCulture));
        _proxy = new TcpProxy(host, port, "redis");
        Connection = $"{IPAddress.Loopback}:{_proxy.Port},{server.ElementAtOrDefault(1)}";
    }

    /// <summary>As <c>Redis:Connection</c> takes it.</summary>
    public string Connection { get; }

    /// <summary>What is open ends, and nothing is opened.</summary>
    public void Cut() => _proxy.Set(LinkMode.Reset);

    /// <summary>What is open stays open, and nobody hears anything.</summary>
    public void Silence() => _proxy.Set(LinkMode.BlackHole);

    public void Mend() => _proxy.Set(LinkMode.Open);

    public ValueTask DisposeAsync() => _proxy.DisposeAsync();
}
