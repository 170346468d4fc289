using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Orders.Catalogue;
using Orders.Domain;
using Orders.Payments;
using Orders.ReadModels;
using Validator = Chassis.Web.Validator;

namespace Orders.Features;

/// <param name="Items">1 to 100 products; the same sku twice is added up.</param>
/// <param name="Currency">Refuse products in another currency than this.</param>
/// <param name="Submit">Place the order at once.</param>
internal sealed record CreateOrderRequest(
    [property: Length(1, Order.MaxLines)] IReadOnlyList<ItemRequest> Items,
    [property: RegularExpression("^[A-Z]{3}$", ErrorMessage = "is not an ISO 4217 code such as EUR.")] string? Currency = null,
    SubmitOrderRequest? Submit = null);

/// <summary>Begins an order, as a draft or placed at once. Prices come from the catalogue, never from the client.</summary>
internal sealed class CreateOrder(
    OrderStore orders, LocalCatalogue catalogue, DraftQuota drafts, Caller caller, IOptions<PaymentsOptions> payments, TimeProvider clock)
{
    public async Task<VersionedOrder> Handle(CreateOrderRequest request, CancellationToken ct)
    {
        var items = Validate(request);
        var id = Ids.New(clock);
        return await orders.ChangeAsync(
            id,
            ExpectedVersion.Any,
            async (_, token) =>
            {
                await catalogue.MustBeActiveAsync(caller.UserId, token);
                if (request.Submit is null)
                {
                    await drafts.CheckAsync(caller.UserId, token);
                }

                var products = await catalogue.FindAsync([.. items.Keys], token);
                var currency = MustBeSold(request, products);
                var now = clock.GetUtcNow();
                return
                [
                    new Draft(id, caller.UserId, currency, now),
                    .. items.Select(i => new AddItem(products[i.Key], i.Value, now)),
                    .. request.Submit is { } submit
                        ? new OrderCommand[]
                        {
                            new Submit(
                                submit.PaymentMethod,
                                submit.ShippingAddress.ToAddress(),
                                [.. products.Values],
                                MinorUnits.Limits(currency, payments.Value.LargestCharge),
                                now,
                                submit.Expected),
                        }
                        : [],
                ];
            },
            ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder orders) =>
        orders.MapPost("/", Post)
            .RequireCustomer()
            .WithIdempotencyKey()
            .WithName("CreateOrder")
            .WithSummary("Begins an order, or places it at once with `submit`.");

    private static async Task<ETagged<Created<OrderView>>> Post(CreateOrderRequest request, CreateOrder feature, CancellationToken ct)
    {
        var order = await feature.Handle(request, ct);
        return TypedResults.Created($"/v1/orders/{order.State.Id}", OrderView.Of(order.State, order.Version)).WithETag(order.Version);
    }

    /// <returns>Pieces by sku, in the order of the request.</returns>
    private static OrderedDictionary<string, int> Validate(CreateOrderRequest request)
    {
        var check = new Validator().Bounds(request);
        check.ThrowIfInvalid();
        var items = new OrderedDictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < request.Items.Count; i++)
        {
            var sum = items.GetValueOrDefault(request.Items[i].Sku) + request.Items[i].Quantity;
            check.Between($"items[{i}].quantity", sum, Order.MinQuantity, Order.MaxQuantity);
            items[request.Items[i].Sku] = sum;
        }

        check.ThrowIfInvalid();
        return items;
    }

    /// <returns>The currency of the order.</returns>
    private static string MustBeSold(CreateOrderRequest request, IReadOnlyDictionary<string, Product> products)
    {
        var check = new Validator();
        var currency = request.Currency;
        for (var i = 0; i < request.Items.Count; i++)
        {
            if (!products.TryGetValue(request.Items[i].Sku, out var product))
            {
                check.Add($"items[{i}].sku", "is not a product that is sold here.");
                continue;
            }

            currency ??= product.UnitPrice.Currency;
            check.Check(product.UnitPrice.Currency == currency, $"items[{i}].sku", $"is not sold in {currency}; all items of an order are in one currency.");
        }

        check.ThrowIfInvalid();
        return currency!;
    }
}
