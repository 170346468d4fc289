using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Mvc.Testing;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests.Features;

/// <summary>Reader and writer on different instances of the service, which share a database and a broker and nothing else.</summary>
public sealed class Watching_an_order_from_another_replica : IAsyncLifetime
{
    private readonly OrdersFixture _orders = new();
    private readonly Guid _user = NewId();
    private WebApplicationFactory<Program> _other = null!;
    private HttpClient _here = null!;
    private HttpClient _there = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

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
        _here.Dispose();
        _there.Dispose();
        await _other.DisposeAsync();
        await _orders.DisposeAsync();
    }

    [Fact]
    public async Task Shows_what_is_written_here_in_order_and_nothing_twice()
    {
        var id = await Draft(_here);
        var seen = new List<long>();
        using (var stream = await OrderStream.Open(_there, id))
        {
            await Read(stream, seen, 1);
        }

        await Write(_here, id, 3);
        using (var stream = await Resume(_there, id, seen))
        {
            await Read(stream, seen, 3);
            for (var i = 0; i < 3; i++)
            {
                await Write(_here, id, 1);
                await Read(stream, seen, 1);
            }

            using var cancelled = await _here.PostAsJsonAsync($"/v1/orders/{id}/cancel", new { reason = "seen enough" }, Cancelled);
            (await stream.Next()).ShouldBe((9, "cancelled"));
            (await stream.Next()).ShouldBeNull("nothing comes after the end");
        }

        seen.ShouldBe([2, 3, 4, 5, 6, 7, 8]);
        using var over = await OrderStream.Open(_there, id, lastEventId: "9");
        over.Response.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Misses_nothing_while_both_write_and_the_reader_changes_replicas_all_the_time()
    {
        const int changes = 60;
        var id = await Draft(_here);
        var writing = Task.WhenAll(Write(_here, id, changes / 2), Write(_there, id, changes / 2));
        var seen = new List<long> { 2 };
        for (var connection = 0; seen.Count <= changes; connection++)
        {
            using var stream = await Resume(connection % 2 == 0 ? _there : _here, id, seen);
            await Read(stream, seen, Math.Min(7, changes + 1 - seen.Count));
        }

        await writing;
        seen.ShouldBe(Enumerable.Range(2, changes + 1).Select(v => (long)v));
    }

    [Fact]
    public async Task Goes_on_here_when_the_other_replica_stops()
    {
        var id = await Draft(_here);
        var seen = new List<long>();
        using (var stream = await OrderStream.Open(_there, id))
        {
            await Read(stream, seen, 1);
            await _other.DisposeAsync();
            (await stream.Next()).ShouldBeNull("a replica that stops ends its streams");
        }

        await Write(_here, id, 2);
        using var resumed = await Resume(_here, id, seen);
        await Read(resumed, seen, 2);
        seen.ShouldBe([2, 3, 4]);
    }

    private static Task<OrderStream> Resume(HttpClient client, Guid id, List<long> seen) =>
        OrderStream.Open(client, id, seen[^1].ToString(CultureInfo.InvariantCulture));

    private static async Task Read(OrderStream stream, List<long> seen, int count)
    {
        for (var i = 0; i < count; i++)
        {
            seen.Add((await stream.Next()).ShouldNotBeNull().Id);
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
}
