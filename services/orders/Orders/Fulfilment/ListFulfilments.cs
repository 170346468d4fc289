using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Orders.Fulfilment;

/// <summary>Where one order stands, in a list of many.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="State">Where its fulfilment stands, as <see cref="FulfilmentView.State"/>.</param>
/// <param name="Since">When it came there.</param>
/// <param name="AgeSeconds">How long ago that was.</param>
/// <param name="StartedAt">When its fulfilment began.</param>
/// <param name="Awaiting">Whose answer it waits for: <c>inventory</c> or <c>payments</c>; null where it waits for nobody's.</param>
/// <param name="DeadlineAt">When it asks again or gives up, by the settings of today; null where it waits for nobody's answer.</param>
/// <param name="Attempt">How often the present step was asked for.</param>
/// <param name="TraceId">The trace that began when the order was submitted; null where nothing is known of it.</param>
internal sealed record FulfilmentSummary(
    Guid OrderId, string State, DateTimeOffset Since, double AgeSeconds, DateTimeOffset StartedAt, string? Awaiting, DateTimeOffset? DeadlineAt, int Attempt,
    string? TraceId);

/// <param name="State">A state in which orders are open.</param>
/// <param name="Count">How many are in it.</param>
/// <param name="OldestAt">Since when the one that has been there longest is there.</param>
internal sealed record OpenFulfilments(string State, int Count, DateTimeOffset OldestAt);

/// <summary>Sort key: whoever has been in the present state longest comes first.</summary>
internal readonly record struct FulfilmentKey(DateTimeOffset Since, Guid OrderId);

/// <summary>Orders that have not ended: the ones that hang come first.</summary>
internal static class ListFulfilments
{
    private const int LongestState = 50;
    private const int LongestAge = 366 * 24 * 60 * 60;

    public static void Map(IEndpointRouteBuilder v1)
    {
        var fulfilments = v1.MapGroup("/ops/fulfilments").RequireSystemOperator(Permissions.ReadOperations);
        fulfilments.MapGet(string.Empty, List)
            .WithName("ListFulfilments")
            .WithSummary("Orders that have not ended, longest in their state first; with `orderId` also one that has.");
        fulfilments.MapGet("/states", States).WithName("CountFulfilments").WithSummary("How many orders are open in which state, and since when.");
        fulfilments.MapGet("/graph", Graph).WithName("ReadFulfilmentGraph").WithSummary("The states of the fulfilment, and what leads from one to another.");
    }

    private static async Task<Ok<Page<FulfilmentSummary>>> List(
        [MaxLength(LongestState)] string? state, Guid? orderId, [Range(0, LongestAge)] int? olderThanSeconds, [AsParameters] PageQuery page,
        DbContext db, EventStore events, FulfilmentStateMachine machine, FulfilmentGraph graph, TimeProvider clock, CancellationToken ct)
    {
        var wanted = state is null
            ? graph.Open
            : [graph.Open.FirstOrDefault(known => StateNames.Of(known) == state) ?? throw ProblemException.Invalid(
                "state", $"must be one of {string.Join(", ", graph.Open.Select(StateNames.Of))}.")];
        var now = clock.GetUtcNow();
        var until = now - TimeSpan.FromSeconds(olderThanSeconds ?? 0);
        var sagas = orderId is { } order
            ? await db.Set<FulfilmentState>().AsNoTracking()
                .Where(s => s.CorrelationId == order
                    && (state == null || wanted.Contains(s.CurrentState)) && (olderThanSeconds == null || s.ChangedAt <= until))
                .ToListAsync(ct)
            : await OpenAsync(db, wanted, olderThanSeconds is null ? DateTimeOffset.MaxValue : until, page, ct);
        var traces = await GetFulfilment.TracesAsync(events, [.. sagas.Select(s => s.CorrelationId)], ct);
        return TypedResults.Ok(Page.Of(sagas.ConvertAll(Summary), page, s => new FulfilmentKey(s.Since, s.OrderId)));

        FulfilmentSummary Summary(FulfilmentState saga)
        {
            var awaited = machine.Awaited(saga);
            return new FulfilmentSummary(
                saga.CorrelationId, StateNames.Of(saga.CurrentState), saga.ChangedAt, Math.Round(Math.Max(0, (now - saga.ChangedAt).TotalSeconds), 3),
                saga.StartedAt, awaited?.Partner, awaited?.Deadline, saga.Attempt, traces.GetValueOrDefault(saga.CorrelationId));
        }
    }

    /// <summary>A page of each state by the index of what is open, and of these the oldest: however many orders there are, open or not.</summary>
    private static Task<List<FulfilmentState>> OpenAsync(DbContext db, IReadOnlyList<string> states, DateTimeOffset until, PageQuery page, CancellationToken ct)
    {
        var after = page.After<FulfilmentKey>() ?? new FulfilmentKey(DateTimeOffset.UnixEpoch, Guid.Empty);
        var (since, size) = (after.Since.ToUniversalTime(), page.Size + 1);
        return db.Set<FulfilmentState>().FromSql(
            $"""
            SELECT open.* FROM unnest({states.ToArray()}) AS wanted(name) CROSS JOIN LATERAL (
                SELECT * FROM fulfilments
                WHERE finished_at IS NULL AND state = wanted.name AND changed_at <= {until} AND (changed_at, order_id) > ({since}, {after.OrderId})
                ORDER BY changed_at, order_id LIMIT {size}) AS open
            ORDER BY changed_at, order_id LIMIT {size}
            """).AsNoTracking().ToListAsync(ct);
    }

    private static async Task<Ok<Page<OpenFulfilments>>> States(DbContext db, CancellationToken ct)
    {
        var open = await db.Set<FulfilmentState>().AsNoTracking().Where(s => s.FinishedAt == null)
            .GroupBy(s => s.CurrentState).Select(g => new { State = g.Key, Count = g.Count(), OldestAt = g.Min(s => s.ChangedAt) }).ToListAsync(ct);
        return TypedResults.Ok(new Page<OpenFulfilments>(
            [.. open.OrderBy(s => s.OldestAt).Select(s => new OpenFulfilments(StateNames.Of(s.State), s.Count, s.OldestAt))], null));
    }

    private static Ok<FulfilmentGraphView> Graph(FulfilmentGraph graph) => TypedResults.Ok(graph.View);
}
