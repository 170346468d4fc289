using Chassis.Data;
using Chassis.Messaging.Storage;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Operations;

/// <summary>The operators' resources.</summary>
public static class MessagingOps
{
    /// <summary>
    /// <c>/v1/ops/summary</c>, <c>/v1/ops/dead-letters</c>, <c>/v1/ops/outbox</c>, <c>/v1/ops/timers</c>, <c>/v1/ops/boundary-events</c>, and the description
    /// of the events at <c>/asyncapi</c>.
    /// </summary>
    public static IEndpointRouteBuilder MapMessagingOps(this IEndpointRouteBuilder app)
    {
        var ops = app.MapGroup("/v1/ops");
        ops.MapGet("/outbox", GetOutbox)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("GetOutbox")
            .WithSummary("What waits to be sent, and how fast it goes.");
        ops.MapPost("/outbox/release", ReleaseParked).RequireSystemOperator(Permissions.ActOnOperations).WithIdempotencyKey().WithName("ReleaseParkedMessages")
            .WithSummary("Tries the parked messages again, when what kept them from being sent is mended.");
        OutboxEndpoints.Map(ops);
        TimerEndpoints.Map(ops);
        SummaryEndpoint.Map(ops);
        DeadLetterEndpoints.Map(ops);
        BoundaryEventEndpoints.Map(ops);
        app.MapAsyncApi();
        return app;
    }

    private static async Task<Ok<OutboxFigures>> GetOutbox(OutboxStore store, MessagingMetrics metrics, CancellationToken ct) =>
        TypedResults.Ok(await store.FiguresAsync(metrics.DispatchRate, ct));

    private static async Task<Ok<ReleasedMessages>> ReleaseParked(OutboxStore store, IAuditedCommit audit, CancellationToken ct) =>
        TypedResults.Ok(new ReleasedMessages(await store.ReleaseAsync(audit, ct)));
}

/// <param name="Released">How many parked messages are due again, with all their attempts.</param>
public sealed record ReleasedMessages(int Released);
