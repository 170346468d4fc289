using System.ComponentModel.DataAnnotations;
using Chassis.Messaging.Storage;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Chassis.Messaging.Operations;

/// <summary>The rows of the outbox, one by one.</summary>
internal static class OutboxEndpoints
{
    public static void Map(RouteGroupBuilder ops)
    {
        var messages = ops.MapGroup("/outbox/messages");
        messages.MapGet(string.Empty, List)
            .RequireSystemOperator(Permissions.ReadOperations)
            .WithName("ListOutboxMessages")
            .WithSummary("What waits to be sent, the oldest first; what is due later is at `/v1/ops/timers`.");
        messages.MapPost("/{id:long}/release", Release)
            .RequireSystemOperator(Permissions.ActOnOperations)
            .WithIdempotencyKey()
            .WithName("ReleaseOutboxMessage")
            .WithSummary("Tries one parked message again.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Ok<Page<OutboxMessage>>> List(
        [AsParameters] PageQuery page, OutboxQueries outbox, [MaxLength(DeadLetterEndpoints.Longest)] string? state, Guid? orderId,
        [MaxLength(DeadLetterEndpoints.Longest)] string? destination, CancellationToken ct)
    {
        if (state is not null && !OutboxQueries.States.Contains(state))
        {
            throw ProblemException.Invalid("state", $"must be one of {string.Join(", ", OutboxQueries.States)}.");
        }

        var rows = await outbox.ListAsync(state, orderId, destination, page.After<long>() ?? 0, page.Size + 1, ct);
        return TypedResults.Ok(Page.Of(rows, page, row => row.Id));
    }

    private static async Task<Accepted> Release(long id, OutboxQueries outbox, CancellationToken ct) => await outbox.ReleaseAsync(id, ct) switch
    {
        null => throw ProblemException.NotFound("There is no such message, or not any more: it has been sent."),
        false => throw ProblemException.Conflict("message_not_parked", "Only a parked message is released. What is not parked is tried again by itself."),
        true => TypedResults.Accepted("/v1/ops/outbox/messages"),
    };
}
