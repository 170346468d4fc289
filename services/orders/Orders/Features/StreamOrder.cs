using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>
/// The order after every change, as server-sent events. The event's id is the order's version, so that a reader that comes back with <c>Last-Event-ID</c>, on any
/// replica, misses nothing: everything is read from the event store.
/// </summary>
public sealed class StreamOrder(
    OrderReader reader, IServiceScopeFactory scopes, StreamWatcher watcher, IHostApplicationLifetime lifetime, IOptions<JsonOptions> json, TimeProvider clock)
{
    /// <summary>Streams that one caller may have open, per process: enough for every window of a browser, and not for all the connections that there are.</summary>
    public const int PerCaller = 20;

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);
    // No timer takes more.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);
    private readonly ConcurrentDictionary<string, int> open = new();

    public static void Map(RouteGroupBuilder orders) => orders.MapGet("/{id:guid}/stream", Get).RequireCustomer()
        .WithName("StreamOrder").WithSummary("Server-sent events: the order after every change, resumable by Last-Event-ID.")
        .Produces<string>(StatusCodes.Status200OK, "text/event-stream").Produces(StatusCodes.Status204NoContent)
        .DisableRequestTimeout();

    private static async Task Get(Guid id, HttpContext http, Caller caller, StreamOrder feature, CancellationToken cancellationToken)
    {
        var current = await feature.Current(id, caller, cancellationToken);
        var seen = LastEventId(http.Request);
        if (IsOver(current) && seen >= current.Version)
        {
            // Nothing will come any more; 204 tells an EventSource not to come back.
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        using var place = feature.Enter(caller.Subject);
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var signedIn = feature.UntilTokenEnds(http.User);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, feature.Stopping, signedIn.Token);
        try
        {
            await feature.Write(id, seen ?? current.Version - 1, http.Response, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The reader has left; or comes back, to another replica since this one stops, or with another token since this one has ended.
        }
    }

    private Place Enter(string caller)
    {
        if (open.AddOrUpdate(caller, 1, (_, n) => n + 1) > PerCaller)
        {
            Leave(caller);
            throw new ProblemException(StatusCodes.Status429TooManyRequests, "too_many_streams", $"A caller may have {PerCaller} streams open. Close one of them first.")
            {
                RetryAfter = Heartbeat,
            };
        }

        return new Place(this, caller);
    }

    private void Leave(string caller)
    {
        open.AddOrUpdate(caller, 0, (_, n) => n - 1);
        open.TryRemove(KeyValuePair.Create(caller, 0));
    }

    private CancellationTokenSource UntilTokenEnds(ClaimsPrincipal user)
    {
        var left = DateTimeOffset.FromUnixTimeSeconds(long.Parse(user.FindFirst(Claims.Expires)!.Value, CultureInfo.InvariantCulture)) - clock.GetUtcNow();
        return new CancellationTokenSource(left < TimeSpan.Zero ? TimeSpan.Zero : left < LongestTimer ? left : LongestTimer, clock);
    }

    private CancellationToken Stopping => lifetime.ApplicationStopping;

    private Task<OrderView> Current(Guid id, Caller caller, CancellationToken cancellationToken) => reader.Get(id, caller, cancellationToken);

    private async Task Write(Guid id, long seen, HttpResponse response, CancellationToken cancellationToken)
    {
        OrderState? state = null;
        long version = 0;
        await response.WriteAsync("retry: 2000\n\n", cancellationToken);
        while (true)
        {
            foreach (var stored in await Read(id, version, cancellationToken))
            {
                state = Order.Evolve(state, (OrderEvent)stored.Data);
                version = stored.Version;
                if (version > seen)
                {
                    await response.WriteAsync(Event(OrderView.Of(state, version)), cancellationToken);
                }
            }

            await response.Body.FlushAsync(cancellationToken);
            if (state is { IsTerminal: true })
            {
                return;
            }

            while (!await watcher.WaitForVersionAbove(id, version, Heartbeat, cancellationToken))
            {
                await response.WriteAsync(": still here\n\n", cancellationToken);
                await response.Body.FlushAsync(cancellationToken);
            }
        }
    }

    // A scope for each reading: a stream may stay open for days and must not keep a database connection meanwhile.
    private async Task<IReadOnlyList<StoredEvent>> Read(Guid id, long afterVersion, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<EventStore>().Read(id, afterVersion, cancellationToken: cancellationToken);
    }

    private string Event(OrderView order) => new StringBuilder()
        .Append(CultureInfo.InvariantCulture, $"id: {order.Version}\nevent: order\ndata: ")
        .Append(JsonSerializer.Serialize(order, json.Value.SerializerOptions))
        .Append("\n\n")
        .ToString();

    private static bool IsOver(OrderView order) => order.Status is OrderStatus.Completed or OrderStatus.Cancelled or OrderStatus.Failed;

    private static long? LastEventId(HttpRequest request)
    {
        var value = request.Headers["Last-Event-ID"].ToString();
        return value.Length == 0 ? null
            : long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version
            : throw ProblemException.Invalid("Last-Event-ID", "is not an id of this stream.");
    }

    private sealed class Place(StreamOrder streams, string caller) : IDisposable
    {
        public void Dispose() => streams.Leave(caller);
    }
}
