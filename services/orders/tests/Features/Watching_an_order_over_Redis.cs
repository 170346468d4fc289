using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Chassis;
using Chassis.Redis;
using Chassis.Testing;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>Two replicas that tell each other of changes through Redis, over a line that can be cut.</summary>
public sealed class Watching_an_order_over_Redis : IAsyncLifetime
{
    private readonly OverRedis _orders = new();
    private readonly Guid _user = NewId();
    private WebApplicationFactory<Program> _other = null!;
    private HttpClient _here = null!;
    private HttpClient _there = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IEventBus Theirs => _other.Services.GetRequiredService<IEventBus>();

    public async ValueTask InitializeAsync()
    {
        await _orders.InitializeAsync();
        _other = await _orders.StartReplicaAsync();
        _here = _orders.ClientFor(_user);
        _there = _other.CreateClient();
        _there.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _orders.TokenFor(_user));
    }

    public async ValueTask DisposeAsync()
    {
        _here?.Dispose();
        _there?.Dispose();
        await (_other?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _orders.DisposeAsync();
    }

    [Fact]
    public async Task Shows_there_what_is_written_here_and_the_news_went_through_Redis()
    {
        await UntilShared();
        var id = await Draft(_here);
        var received = Theirs.Health.Received;
        using var stream = await OrderStream.Open(_there, id);
        var seen = new List<long>();
        await Read(stream, seen, 1);
        for (var i = 0; i < 5; i++)
        {
            await Write(_here, id, 1);
            await Read(stream, seen, 1);
        }

        seen.ShouldBe([2, 3, 4, 5, 6, 7]);
        Theirs.ShouldBeOfType<RedisEventBus>().Health.Received.ShouldBeGreaterThan(received);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Shows_every_change_once_and_in_order_while_Redis_is_cut_off_and_comes_back(bool silently)
    {
        const int each = 12;
        await UntilShared();
        var id = await Draft(_here);
        using var stream = await OrderStream.Open(_there, id);
        var seen = new List<long>();
        await Read(stream, seen, 1);

        await Write(_here, id, each);
        (silently ? (Action)_orders.Line.Silence : _orders.Line.Cut)();
        await Write(_here, id, each);
        await Poll.UntilAsync(() => !Theirs.Health.IsUp, "the replica to know that Redis is away");
        await Write(_here, id, each);
        await Read(stream, seen, 3 * each);     // before it is back
        _orders.Line.Mend();
        await Write(_here, id, each);
        await UntilShared();
        await Write(_here, id, each);
        await Read(stream, seen, 2 * each);

        seen.ShouldBe(Enumerable.Range(2, 1 + (5 * each)).Select(v => (long)v));
    }

    [Fact]
    public async Task Starts_and_shows_changes_while_Redis_is_away_from_the_start()
    {
        _orders.Line.Cut();
        await using var late = await _orders.StartReplicaAsync();
        using var client = late.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _orders.TokenFor(_user));
        (await client.GetAsync("/health/ready", Cancelled)).StatusCode.ShouldBe(HttpStatusCode.OK);

        var id = await Draft(_here);
        using var stream = await OrderStream.Open(client, id);
        var seen = new List<long>();
        await Read(stream, seen, 1);
        await Write(_here, id, 3);
        await Read(stream, seen, 3);

        seen.ShouldBe([2, 3, 4, 5]);
    }

    [Fact]
    public async Task Shows_a_change_of_which_the_news_is_lost_though_Redis_is_there()
    {
        await UntilShared();
        var id = await Draft(_here);
        using var stream = await OrderStream.Open(_there, id);
        var seen = new List<long>();
        await Read(stream, seen, 1);

        // As a process that ends between its commit and its news.
        var ours = _orders.Services.GetRequiredService<IEventBus>();
        await ours.StopAsync(Cancelled);
        await Write(_here, id, 1);
        Theirs.Health.IsUp.ShouldBeTrue();
        await Read(stream, seen, 1);

        seen.ShouldBe([2, 3]);
        ours.Health.Lost.ShouldBeGreaterThan(0);
    }

    private Task UntilShared() => Poll.UntilAsync(
        () => new[] { _orders.Services, _other.Services }.All(s => s.GetRequiredService<IEventBus>() is { IsShared: true, Health.IsUp: true }),
        "both replicas to hear each other");

    private static async Task Read(OrderStream stream, List<long> seen, int count)
    {
        for (var i = 0; i < count; i++)
        {
            seen.Add((await stream.Next()).ShouldNotBeNull(string.Create(CultureInfo.InvariantCulture, $"after {seen.Count} changes")).Id);
        }
    }

    private static async Task Write(HttpClient client, Guid id, int changes)
    {
        for (var i = 0; i < changes; i++)
        {
            using var added = await client.PostAsJsonAsync($"/v1/orders/{id}/items", new { sku = Desk, quantity = 1 }, Cancelled);
            added.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    private sealed class OverRedis : OrdersFixture
    {
        public RedisLine Line { get; private set; } = null!;

        public override async ValueTask InitializeAsync()
        {
            Line = new RedisLine();
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await (Line?.DisposeAsync() ?? ValueTask.CompletedTask);
            GC.SuppressFinalize(this);
        }

        protected override void Configure(IDictionary<string, string> settings)
        {
            base.Configure(settings);
            settings["Redis:Connection"] = Line.Connection;
        }
    }
}
