using Chassis.Messaging.Relay;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Ops;

/// <summary>The operators' resources.</summary>
internal static class MessagingOps
{
    public static void Map(IEndpointRouteBuilder app)
    {
        var ops = app.MapGroup("/v1/ops").WithTags("Operations").RequireSystemOperator();
        ops.MapGet("/outbox", GetOutbox).WithName("GetOutbox").WithSummary("What waits to be sent, and how fast it goes.");
        DeadLetterEndpoints.Map(ops);
        BoundaryEventEndpoints.Map(ops);
    }

    private static async Task<Ok<OutboxFigures>> GetOutbox(OutboxStore store, MessagingMetrics metrics, CancellationToken cancellationToken) =>
        TypedResults.Ok(await store.FiguresAsync(metrics.DispatchRate, cancellationToken));
}
