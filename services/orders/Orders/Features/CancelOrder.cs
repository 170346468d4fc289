using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Features;

/// <param name="Reason">Why.</param>
internal sealed record CancelOrderRequest([property: Text(500)] string Reason) : IHasReason;

/// <summary>Cancels a draft at once and asks the fulfilment to undo an order under way; asking twice changes nothing.</summary>
internal sealed class CancelOrder(OrderStore orders, Caller caller, TimeProvider clock)
{
    public Task<VersionedOrder> Handle(Guid id, CancelOrderRequest request, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return orders.ChangeAsync(
            id,
            expected,
            (order, _) =>
            {
                caller.MustSee(order);
                return Task.FromResult<IReadOnlyList<OrderCommand>>([new RequestCancellation(request.Reason, clock.GetUtcNow())]);
            },
            ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapPost("/{id:guid}/cancel", Post)
            .RequireCustomer(others: OrdersPermissions.ChangeOrders)
            .WithIdempotencyKey()
            .WithName("CancelOrder")
            .WithSummary("Cancels an order that was not shipped.");

    private static async Task<ETagged<Accepted<OrderView>>> Post(
        Guid id, CancelOrderRequest request, ExpectedVersion expected, CancelOrder feature, CancellationToken ct)
    {
        var order = await feature.Handle(id, request, expected, ct);
        return TypedResults.Accepted($"/v1/orders/{id}", OrderView.Of(order.State, order.Version)).WithETag(order.Version);
    }
}
