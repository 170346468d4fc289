using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Orders.Catalogue;
using Orders.Domain;
using Orders.Payments;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>Places a draft, at the prices of this moment. What follows is the fulfilment's business: the answer is 202.</summary>
internal sealed class SubmitOrder(OrderStore orders, LocalCatalogue catalogue, Caller caller, IOptions<PaymentsOptions> payments, TimeProvider clock)
{
    public Task<VersionedOrder> Handle(Guid id, SubmitOrderRequest request, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return orders.ChangeAsync(
            id,
            expected,
            async (order, token) =>
            {
                caller.MustSee(order);
                await catalogue.MustBeActiveAsync(order!.State.UserId, token);
                var products = await catalogue.FindAsync([.. order.State.Lines.Select(l => l.Sku)], token);
                return
                [
                    new Submit(
                        request.PaymentMethod,
                        request.ShippingAddress.ToAddress(),
                        [.. products.Values],
                        MinorUnits.Limits(order.State.Currency, payments.Value.LargestCharge),
                        clock.GetUtcNow(),
                        request.Expected),
                ];
            },
            ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapPost("/{id:guid}/submit", Post)
            .RequireCustomer(others: OrdersPermissions.ChangeOrders)
            .WithIdempotencyKey()
            .WithName("SubmitOrder")
            .WithSummary("Places a draft.");

    private static async Task<ETagged<Accepted<OrderView>>> Post(
        Guid id, SubmitOrderRequest request, ExpectedVersion expected, SubmitOrder feature, CancellationToken ct)
    {
        var order = await feature.Handle(id, request, expected, ct);
        return TypedResults.Accepted($"/v1/orders/{id}", OrderView.Of(order.State, order.Version)).WithETag(order.Version);
    }
}
