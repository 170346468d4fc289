using System.Diagnostics;
using Chassis;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Orders.ReadModels;

namespace Orders.Fulfilment;

/// <param name="OrderId">The order.</param>
/// <param name="State">Where fulfilment stands, in camelCase: <c>notStarted</c>, <c>reservingStock</c>, <c>completed</c> …</param>
/// <param name="Reason">Why it is being, or was, failed or cancelled.</param>
/// <param name="Started">When fulfilment began.</param>
/// <param name="Ended">When it was through.</param>
/// <param name="Awaiting">Whose answer it waits for: <c>inventory</c> or <c>payments</c>; null where it waits for nobody's.</param>
/// <param name="DeadlineAt">When it asks again or gives up, by the settings of today; null where it waits for nobody's answer.</param>
/// <param name="TraceId">The trace that began when the order was submitted, as 32 hexadecimal digits; null where nothing is known of it.</param>
/// <param name="Steps">The timeline, oldest first.</param>
internal sealed record FulfilmentView(
    Guid OrderId, string State, string? Reason, DateTimeOffset Started, DateTimeOffset? Ended, string? Awaiting, DateTimeOffset? DeadlineAt,
    string? TraceId, IReadOnlyList<FulfilmentStepView> Steps);

/// <param name="Step">What was waited for.</param>
/// <param name="Started">When it was asked for.</param>
/// <param name="Ended">When it was answered or given up; null while waiting.</param>
/// <param name="Outcome">The answer; null while waiting.</param>
/// <param name="Attempt">1 for the first time of asking.</param>
internal sealed record FulfilmentStepView(string Step, DateTimeOffset Started, DateTimeOffset? Ended, string? Outcome, int Attempt);

/// <summary>The whole story of one order's fulfilment.</summary>
internal static class GetFulfilment
{
    public static RouteHandlerBuilder Map(IEndpointRouteBuilder v1) =>
        v1.MapGet("/orders/{id:guid}/fulfilment", Get).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ReadFulfilment").WithSummary("How an order is being fulfilled: the steps so far, and what it waits for.");

    private static async Task<Ok<FulfilmentView>> Get(
        Guid id, DbContext db, OrderReader orders, EventStore events, FulfilmentStateMachine machine, Caller caller, CancellationToken ct)
    {
        var order = await orders.GetAsync(id, caller, ct);
        var trace = (await TracesAsync(events, [id], ct)).GetValueOrDefault(id);
        if (await db.Set<FulfilmentState>().AsNoTracking().SingleOrDefaultAsync(s => s.CorrelationId == id, ct) is not { } saga)
        {
            // A draft is none of its business. An order that the version before took in hears of its saga a moment later.
            return TypedResults.Ok(new FulfilmentView(
                id, StateNames.NotStarted, order.Reason, order.SubmittedAt ?? throw ProblemException.NotFound("The order was not submitted."),
                null, null, null, trace, []));
        }

        var awaited = machine.Awaited(saga);
        return TypedResults.Ok(new FulfilmentView(
            saga.CorrelationId,
            StateNames.Of(saga.CurrentState),
            saga.Reason,
            saga.StartedAt,
            saga.FinishedAt,
            awaited?.Partner,
            awaited?.Deadline,
            trace,
            [.. saga.Steps.Select(s => new FulfilmentStepView(StateNames.Of(s.Step), s.Started, s.Ended, s.Outcome, s.Attempt))]));
    }

    /// <summary>The traces that began when these orders were submitted, of those of which one is known.</summary>
    internal static async Task<IReadOnlyDictionary<Guid, string>> TracesAsync(EventStore events, IReadOnlyCollection<Guid> orders, CancellationToken ct)
    {
        var traces = new Dictionary<Guid, string>();
        foreach (var (order, submitted) in await events.FirstMetadataAsync(orders, OrderEventTypes.Submitted, ct))
        {
            if (ActivityContext.TryParse(submitted.TraceParent, null, out var parent))
            {
                traces[order] = parent.TraceId.ToHexString();
            }
        }

        return traces;
    }
}
