using System.Text.Json;
using Chassis.EventSourcing;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>One event of an order's history.</summary>
/// <param name="EventId">Unique.</param>
/// <param name="EventType">Stored name, such as <c>order.submitted</c>.</param>
/// <param name="EventVersion">Version of the payload's shape.</param>
/// <param name="Version">1, 2, 3 … within the order.</param>
/// <param name="OccurredAt">When.</param>
/// <param name="Payload">What happened; personal data of an erased customer is missing.</param>
/// <param name="Metadata">
/// Correlation, causation, user, tenant, trace; to customers what ties it to their own requests, and not who of the shop acted, or by what.
/// </param>
internal sealed record OrderEventView(
    Guid EventId, string EventType, int EventVersion, long Version, DateTimeOffset OccurredAt, JsonElement Payload, EventMetadata Metadata)
{
    public static OrderEventView Of(StoredEvent stored, Caller caller) => new(
        stored.EventId, stored.EventType, stored.EventVersion, stored.Version, stored.OccurredAt,
        JsonSerializer.SerializeToElement(stored.Data, stored.Data.GetType(), EventSerializer.Options),
        caller.IsOperator ? stored.Metadata : ForCustomer(stored.Metadata, caller.Subject));

    private static EventMetadata ForCustomer(EventMetadata metadata, string customer) =>
        new(metadata.CorrelationId, UserId: metadata.UserId == customer ? customer : null, TenantId: metadata.TenantId);
}

/// <summary>The whole truth about an order.</summary>
internal static class ReadOrderEvents
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapGet("/{id:guid}/events", Get)
            .RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("GetOrderEvents")
            .WithSummary("The event stream of an order, oldest first.");

    private static async Task<Ok<Page<OrderEventView>>> Get(
        Guid id, [AsParameters] PageQuery page, OrderReader reader, EventStore events, Caller caller, CancellationToken ct)
    {
        await reader.GetAsync(id, caller, ct);
        var rows = await events.ReadAsync(id, afterVersion: page.After<long>() ?? 0, limit: page.Size + 1, ct: ct);
        return TypedResults.Ok(Page.Of([.. rows.Select(e => OrderEventView.Of(e, caller))], page, e => e.Version));
    }
}
