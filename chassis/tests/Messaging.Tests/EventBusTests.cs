using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Chassis;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Relay;
using Chassis.Redis;
using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Messaging.Tests;

/// <summary>One replica's end of an event bus.</summary>
internal sealed class BusEnd(IEventBus bus, Func<ValueTask> close) : IAsyncDisposable
{
    public IEventBus Bus => bus;

    public async ValueTask DisposeAsync()
    {
        await bus.StopAsync(CancellationToken.None);
        await close();
    }
}

/// <summary>What every adapter of the event bus promises, held against the real servers.</summary>
public sealed class EventBusTests : IAsyncLifetime
{
    private const int Many = 500;

    private readonly List<BusEnd> _ends = [];
    private readonly ConcurrentQueue<string> _heard = [];
    private readonly string _service = $"service-{Guid.NewGuid():n}";
    private TestVhost? _vhost;

    public static TheoryData<string> Adapters => ["memory", "rabbitmq", "redis"];

    public static TheoryData<string> SharedAdapters => ["rabbitmq", "redis"];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var end in _ends)
        {
            await end.DisposeAsync();
        }

        await (_vhost?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public async Task Whoever_has_subscribed_hears_every_event_once_and_in_order(string adapter)
    {
        var bus = await Up(adapter);
        using var mine = bus.Subscribe("streams", Hear);
        using var others = bus.Subscribe("others", body => Hear("other"u8.ToArray()));
        await UntilUp(bus);

        for (var i = 0; i < Many; i++)
        {
            bus.Publish("streams", Encoding.UTF8.GetBytes($"{i}"));
        }

        await Poll.UntilAsync(() => _heard.Count >= Many, "all of them");
        _heard.ShouldBe(Enumerable.Range(0, Many).Select(i => $"{i}"));
        bus.Health.ShouldSatisfyAllConditions(
            h => h.Published.ShouldBe(Many), h => h.Received.ShouldBe(Many), h => h.Lost.ShouldBe(0),
            h => h.Failed.ShouldBe(0), h => h.LastError.ShouldBeNull());
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public async Task Whoever_has_unsubscribed_hears_no_more_and_the_others_do(string adapter)
    {
        var bus = await Up(adapter);
        var gone = bus.Subscribe("streams", _ => Hear("gone"u8.ToArray()));
        using var stays = bus.Subscribe("streams", Hear);
        await UntilUp(bus);
        gone.Dispose();

        bus.Publish("streams", "after"u8.ToArray());

        await Poll.UntilAsync(() => _heard.Contains("after"), "the one that stays");
        _heard.ShouldBe(["after"]);
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public async Task A_handler_that_fails_keeps_nothing_from_the_others_and_is_counted(string adapter)
    {
        var bus = await Up(adapter);
        using var fails = bus.Subscribe("streams", _ => throw new InvalidTimeZoneException());
        using var works = bus.Subscribe("streams", Hear);
        await UntilUp(bus);

        bus.Publish("streams", "one"u8.ToArray());
        bus.Publish("streams", "two"u8.ToArray());

        await Poll.UntilAsync(() => _heard.Count == 2, "both");
        bus.Health.Failed.ShouldBe(2);
        bus.Health.LastError.ShouldBe(nameof(InvalidTimeZoneException));
        bus.Health.IsUp.ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public async Task Before_its_start_and_after_its_stop_it_is_not_up_and_what_is_published_is_lost(string adapter)
    {
        var bus = await Create(adapter);
        using var subscription = bus.Subscribe("streams", Hear);
        bus.Health.IsUp.ShouldBeFalse();
        bus.Publish("streams", "before"u8.ToArray());

        await bus.StartAsync(CancellationToken.None);
        await UntilUp(bus);
        bus.Publish("streams", "between"u8.ToArray());
        await Poll.UntilAsync(() => !_heard.IsEmpty, "what was published between");
        await bus.StopAsync(CancellationToken.None);
        bus.Publish("streams", "after"u8.ToArray());

        bus.Health.IsUp.ShouldBeFalse();
        bus.Health.Lost.ShouldBe(2);
        _heard.ShouldBe(["between"]);
    }

    [Theory]
    [MemberData(nameof(SharedAdapters))]
    public async Task Other_replicas_of_the_service_hear_it_and_other_services_do_not(string adapter)
    {
        var (here, there, elsewhere) = (await Up(adapter), await Up(adapter), await Up(adapter, "another-service"));
        here.IsShared.ShouldBeTrue();
        using var theirs = there.Subscribe("streams", Hear);
        using var nobodys = elsewhere.Subscribe("streams", _ => Hear("elsewhere"u8.ToArray()));
        await UntilUp(here, there, elsewhere);

        here.Publish("streams", "news"u8.ToArray());
        await Poll.UntilAsync(() => !_heard.IsEmpty, "the other replica");
        elsewhere.Publish("streams", "news"u8.ToArray());
        await Poll.UntilAsync(() => _heard.Contains("elsewhere"), "the other service itself");

        _heard.ShouldBe(["news", "elsewhere"]);
    }

    [Theory]
    [MemberData(nameof(SharedAdapters))]
    public async Task While_the_server_is_away_it_says_so_and_afterwards_it_is_heard_again(string adapter)
    {
        using var line = new Line(adapter, await VhostAsync());
        line.Set(LinkMode.Reset);
        var bus = await Up(adapter, line: line);     // a start without the server
        using var subscription = bus.Subscribe("streams", Hear);
        bus.Publish("streams", "into the void"u8.ToArray());
        bus.Health.IsUp.ShouldBeFalse();

        for (var round = 0; round < 2; round++)
        {
            line.Set(LinkMode.Open);
            await UntilUp(bus);
            bus.Publish("streams", Encoding.UTF8.GetBytes($"round {round}"));
            await Poll.UntilAsync(() => _heard.Count == round + 1, "what is published when it is there");
            line.Set(LinkMode.Reset);
            await Poll.UntilAsync(() => !bus.Health.IsUp, "it to be away again");
        }

        _heard.ShouldBe(["round 0", "round 1"]);
        bus.Health.Lost.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Redis_over_TLS_is_asked_for_its_certificate_and_believed()
    {
        var bus = await Up("redis", connection: TestServers.RedisOverTls);
        using var subscription = bus.Subscribe("streams", Hear);
        await UntilUp(bus);
        bus.Publish("streams", "secret"u8.ToArray());
        await Poll.UntilAsync(() => _heard.Contains("secret"), "what was said over TLS");
    }

    private void Hear(ReadOnlyMemory<byte> body) => _heard.Enqueue(Encoding.UTF8.GetString(body.Span));

    private static async Task UntilUp(params IEventBus[] buses) => await Poll.UntilAsync(
        () => Task.FromResult(buses.Select(b => b.Health).ToList()), all => all.All(h => h.IsUp), "the event bus to be up", TimeSpan.FromSeconds(60));

    private async Task<IEventBus> Up(string adapter, string? service = null, Line? line = null, string? connection = null)
    {
        var bus = await Create(adapter, service, line, connection);
        await bus.StartAsync(CancellationToken.None);
        return bus;
    }

    private async Task<IEventBus> Create(string adapter, string? service = null, Line? line = null, string? connection = null)
    {
        var end = adapter switch
        {
            "redis" => OverRedis(service ?? _service, connection ?? line?.Redis ?? TestServers.Redis),
            "rabbitmq" => OverRabbitMq(service ?? _service, line?.RabbitMq ?? (await VhostAsync()).Uri),
            _ => new BusEnd(new InMemoryEventBus(), () => ValueTask.CompletedTask),
        };
        _ends.Add(end);
        return end.Bus;
    }

    private async Task<TestVhost> VhostAsync() => _vhost ??= await TestVhost.CreateAsync();

    private static BusEnd OverRabbitMq(string service, Uri broker)
    {
        var identity = new ServiceIdentity(service, "1", Guid.NewGuid());
        var connection = new BrokerConnection(Options.Create(new Chassis.Messaging.MessagingOptions { Broker = broker }), identity);
        var bus = new BrokerEventBus(connection, identity, TimeProvider.System, NullLogger<BrokerEventBus>.Instance);
        return new BusEnd(bus, bus.DisposeAsync);
    }

    private static BusEnd OverRedis(string service, string connection)
    {
        var identity = new ServiceIdentity(service, "1", Guid.NewGuid());
        var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var settings = Options.Create(new RedisSettings { Connection = connection });
        var link = new RedisLink(
            settings, identity, TimeProvider.System, services.GetRequiredService<IMeterFactory>(), NullLogger<RedisLink>.Instance);
        link.StartAsync(CancellationToken.None);
        var bus = new RedisEventBus(link, identity);
        return new BusEnd(bus, async () =>
        {
            await link.DisposeAsync();
            bus.Dispose();
            await services.DisposeAsync();
        });
    }

    /// <summary>A way to one of the servers that can be cut.</summary>
    private sealed class Line : IDisposable
    {
        private readonly TcpProxy _proxy;

        public Line(string adapter, TestVhost vhost)
        {
            var server = adapter == "redis" ? new Uri($"redis://{TestServers.Redis.Split(',')[0]}") : vhost.Uri;
            _proxy = new TcpProxy(server.Host, server.Port, adapter);
            Redis = $"127.0.0.1:{_proxy.Port},{TestServers.Redis.Split(',', 2).ElementAtOrDefault(1)}";
            RabbitMq = _proxy.Through(vhost.Uri);
        }

        public string Redis { get; }

        public Uri RabbitMq { get; }

        public void Set(LinkMode mode) => _proxy.Set(mode);

        public void Dispose() => _proxy.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
