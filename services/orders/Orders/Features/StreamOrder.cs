using System.Globalization;
using System.Security.Claims;
using System.Text;
using System.Text.Json;
using Chassis;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>
/// The order after every change, as server-sent events. The event's id is the order's version, so that a reader that comes back with <c>Last-Event-ID</c>, on
/// any replica, misses nothing: everything is read from the event store.
/// </summary>
internal sealed class StreamOrder(
    OrderReader reader, IServiceScopeFactory scopes, StreamWatcher watcher, IHostApplicationLifetime lifetime, ISessionStatus sessions,
    IOptions<JsonOptions> json,
    IOptions<OrdersOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    // How long a stream may outlive its session.
    private static readonly TimeSpan LookAtSession = TimeSpan.FromSeconds(2);

    private readonly Places _ofCallers = new(options.Value.StreamsPerCaller);
    private readonly Places _ofOrders = new(options.Value.StreamsPerOrder);

    public static void Map(RouteGroupBuilder orders) => orders.MapGet("/{id:guid}/stream", GetAsync).RequireCustomer(others: Permissions.ReadPersonalData)
        .WithName("StreamOrder").WithSummary("Server-sent events: the order after every change, resumable by Last-Event-ID.")
        .Produces<string>(StatusCodes.Status200OK, "text/event-stream").Produces(StatusCodes.Status204NoContent)
        .DisableRequestTimeout();

    private static async Task GetAsync(Guid id, HttpContext http, Caller caller, StreamOrder feature, CancellationToken ct)
    {
        var current = await feature.CurrentAsync(id, caller, ct);
        var seen = LastEventId(http.Request);
        if (IsOver(current) && seen >= current.Version)
        {
            // Nothing will come any more; 204 tells an EventSource not to come back.
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        using var place = feature._ofCallers.TryTake(caller.Subject) ?? throw TooMany($"A caller may have {feature.Limits.StreamsPerCaller} streams open.");
        using var seat = feature._ofOrders.TryTake($"{caller.Subject} {id}")
            ?? throw TooMany($"A caller may have {feature.Limits.StreamsPerOrder} streams of an order open.");
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var signedIn = feature.UntilTokenEnds(http.User);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct, feature.Stopping, signedIn.Token);
        try
        {
            await feature.WriteAsync(id, seen ?? current.Version - 1, http, ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // The reader has left; or comes back, to another replica since this one stops, or with another token since this one has ended; or after the longest
            // time of a stream.
        }
    }

    private static ProblemException TooMany(string detail) => ProblemException.TooMany("too_many_streams", $"{detail} Close one of them first.", Heartbeat);

    private CancellationTokenSource UntilTokenEnds(ClaimsPrincipal user)
    {
        var left = DateTimeOffset.FromUnixTimeSeconds(long.Parse(user.FindFirst(Claims.Expires)!.Value, CultureInfo.InvariantCulture)) - clock.GetUtcNow();
        return new CancellationTokenSource(
            left < TimeSpan.Zero ? TimeSpan.Zero : left < options.Value.LongestStream ? left : options.Value.LongestStream, clock);
    }

    private OrdersOptions Limits => options.Value;

    private CancellationToken Stopping => lifetime.ApplicationStopping;

    private Task<OrderView> CurrentAsync(Guid id, Caller caller, CancellationToken ct) => reader.GetAsync(id, caller, ct);

    private async Task WriteAsync(Guid id, long seen, HttpContext http, CancellationToken ct)
    {
        var response = http.Response;
        OrderState? state = null;
        long version = 0;
        await response.WriteAsync("retry: 2000\n\n", ct);
        while (true)
        {
            foreach (var stored in await ReadAsync(id, version, ct))
            {
                state = Order.Evolve(state, (OrderEvent)stored.Data);
                version = stored.Version;
                if (version > seen)
                {
                    await response.WriteAsync(Event(OrderView.Of(state, version)), ct);
                }
            }

            await response.Body.FlushAsync(ct);
            if (state is { IsTerminal: true } || !await WaitForVersionAboveAsync(id, version, http, ct))
            {
                return;
            }
        }
    }

    /// <returns>False when the session has ended.</returns>
    private async Task<bool> WaitForVersionAboveAsync(Guid id, long version, HttpContext http, CancellationToken ct)
    {
        for (var waited = LookAtSession; !await watcher.WaitForVersionAboveAsync(id, version, LookAtSession, ct); waited += LookAtSession)
        {
            if (await sessions.HasEndedAsync(http.User, ct))
            {
                return false;
            }

            if (waited >= Heartbeat)
            {
                waited = TimeSpan.Zero;
                await http.Response.WriteAsync(": still here\n\n", ct);
                await http.Response.Body.FlushAsync(ct);
            }
        }

        return !await sessions.HasEndedAsync(http.User, ct);
    }

    // A scope for each reading: a stream may stay open for days and must not keep a database connection meanwhile.
    private async Task<IReadOnlyList<StoredEvent>> ReadAsync(Guid id, long afterVersion, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<EventStore>().ReadAsync(id, afterVersion, ct: ct);
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
}
