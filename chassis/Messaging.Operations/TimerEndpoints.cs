using Chassis.Messaging.Sagas;
using Chassis.Messaging.Storage;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Operations;

/// <summary>A message that leaves later.</summary>
/// <param name="Id">Its key.</param>
/// <param name="MessageId">The message's id.</param>
/// <param name="Type">Wire name of an event, URN of a command.</param>
/// <param name="Destination">The queue that it goes to.</param>
/// <param name="DueAt">When.</param>
/// <param name="CreatedAt">When it was written.</param>
/// <param name="CorrelationId">The request that has caused it.</param>
/// <param name="Cancellable">Whether it is a deadline that no saga waits for: nothing else may be cancelled.</param>
internal sealed record TimerView(
    long Id, Guid MessageId, string Type, string Destination, DateTimeOffset DueAt, DateTimeOffset CreatedAt, string? CorrelationId, bool Cancellable);

/// <param name="Reason">Why; the audit keeps it.</param>
internal sealed record CancelTimer([property: Text(500)] string Reason) : IHasReason;

/// <summary>What is sent later: deadlines of sagas, messages that were put back, commands for another time.</summary>
internal static class TimerEndpoints
{
    public static void Map(RouteGroupBuilder ops)
    {
        var timers = ops.MapGroup("/timers");
        timers.MapGet(string.Empty, List)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListTimers")
            .WithSummary("What leaves at a later time, the next first: deadlines of sagas, messages that were put back, commands for later.");
        timers.MapPost("/{id:long}/run", Run)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithIdempotencyKey()
            .WithName("RunTimer")
            .WithSummary("Lets it leave now.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        timers.MapPost("/{id:long}/cancel", Cancel)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithIdempotencyKey()
            .WithName("CancelTimer")
            .WithSummary("Drops a deadline that no saga waits for any more. Everything else was promised to somebody, and stays.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Ok<Page<TimerView>>> List(
        [AsParameters] PageQuery page, OutboxQueries outbox, IEnumerable<ISagaTimers> sagas, Guid? orderId, CancellationToken ct)
    {
        var timers = await outbox.TimersAsync(orderId, page.After<TimerKey>(), page.Size + 1, ct);
        var awaited = await AwaitedAsync(sagas, timers, ct);
        return TypedResults.Ok(Page.Of(
            timers.ConvertAll(t => new TimerView(
                t.Id, t.MessageId, t.Type, t.Destination, t.DueAt, t.CreatedAt, t.CorrelationId, t.Token is { } token && !awaited.Contains(token))),
            page,
            t => new TimerKey(t.DueAt, t.Id)));
    }

    private static async Task<Accepted> Run(long id, OutboxQueries outbox, CancellationToken ct) =>
        await outbox.RunAsync(id, ct) ? TypedResults.Accepted("/v1/ops/timers") : throw NotFound();

    private static async Task<Accepted> Cancel(long id, CancelTimer request, OutboxQueries outbox, IEnumerable<ISagaTimers> sagas, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return await outbox.CancelAsync(id, CheckAsync, ct) ? TypedResults.Accepted("/v1/ops/timers") : throw NotFound();

        async Task CheckAsync(OutboxTimer timer)
        {
            if (timer.Token is not { } token)
            {
                throw ProblemException.Conflict("timer_is_a_message", "It was sent for later, or put back, and whoever sent it counts on it: it can be run.");
            }

            // A saga takes a token in the transaction that writes the row, and never again: what it does not hold now it will not wait for.
            if ((await AwaitedAsync(sagas, [timer], ct)).Contains(token))
            {
                throw ProblemException.Conflict("timer_is_awaited", "A saga waits for it, and would wait for ever: it can be run.");
            }
        }
    }

    private static async Task<HashSet<Guid>> AwaitedAsync(IEnumerable<ISagaTimers> sagas, IReadOnlyCollection<OutboxTimer> timers, CancellationToken ct)
    {
        Guid[] about = [.. timers.Where(t => t.Token is not null).SelectMany(t => t.About).Distinct()];
        var awaited = new HashSet<Guid>();
        foreach (var saga in sagas)
        {
            awaited.UnionWith(await saga.AwaitedAsync(about, ct));
        }

        return awaited;
    }

    private static ProblemException NotFound() => ProblemException.NotFound("There is no such timer, or not any more: it has left, or was taken back.");
}
