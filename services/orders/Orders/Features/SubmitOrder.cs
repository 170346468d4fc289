using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Orders.Catalogue;
using Orders.Domain;
using Orders.Payments;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>Places a draft, at the prices of this moment. What follows is the fulfilment's business: the answer is 202.</summary>
public sealed class SubmitOrder(OrderStore orders, LocalCatalogue catalogue, Caller caller, IOptions<PaymentsOptions> payments, TimeProvider clock)
{
    public Task<VersionedOrder> Handle(Guid id, SubmitOrderRequest request, ExpectedVersion expected, CancellationToken cancellationToken)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return orders.Change(
            id,
            expected,
            async (order, ct) =>
            {
                caller.MustSee(order);
                await catalogue.MustBeActive(order!.State.UserId, ct);
                var products = await catalogue.Find([.. order.State.Lines.Select(l => l.Sku)], ct);
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
            cancellationToken);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapPost("/{id:guid}/submit", Post).RequireCustomer(others: OrdersPermissions.ChangeOrders).WithIdempotencyKey().WithName("SubmitOrder").WithSummary("Places a draft.");

    private static async Task<ETagged<Accepted<OrderView>>> Post(
        Guid id, SubmitOrderRequest request, ExpectedVersion expected, SubmitOrder feature, CancellationToken cancellationToken)
    {
        var order = await feature.Handle(id, request, expected, cancellationToken);
        return TypedResults.Accepted($"/v1/orders/{id}", OrderView.Of(order.State, order.Version)).WithETag(order.Version);
    }
}
