using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Orders.Catalogue;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Features;

/// <summary>Puts products into a draft and takes them out again.</summary>
public sealed class ChangeItems(OrderStore orders, LocalCatalogue catalogue, Caller caller, TimeProvider clock)
{
    /// <summary>How often a draft can be changed.</summary>
    public const int MaxChanges = 1000;

    public Task<VersionedOrder> Add(Guid id, ItemRequest request, ExpectedVersion expected, CancellationToken cancellationToken)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return orders.Change(
            id,
            expected,
            async (order, ct) =>
            {
                MustBeShort(caller.MustSee(order));
                await catalogue.MustBeActive(order!.State.UserId, ct);
                var products = await catalogue.Find([request.Sku], ct);
                return products.TryGetValue(request.Sku, out var product)
                    ? [new AddItem(product, request.Quantity, clock.GetUtcNow())]
                    : throw ProblemException.Invalid("sku", "is not a product that is sold here.");
            },
            cancellationToken);
    }

    public Task<VersionedOrder> Remove(Guid id, string sku, ExpectedVersion expected, CancellationToken cancellationToken) => orders.Change(
        id,
        expected,
        (order, _) =>
        {
            MustBeShort(caller.MustSee(order));
            return Task.FromResult<IReadOnlyList<OrderCommand>>([new RemoveItem(sku, clock.GetUtcNow())]);
        },
        cancellationToken);

    /// <summary>Every command reads the order's whole history: nobody may make it long at will.</summary>
    /// <exception cref="ProblemException">409.</exception>
    public static void MustBeShort(VersionedOrder order)
    {
        if (order.Version >= MaxChanges)
        {
            throw ProblemException.Conflict("draft_too_long", $"A draft can be changed {MaxChanges} times. Submit it, or begin another one.");
        }
    }

    public static void Map(RouteGroupBuilder orders)
    {
        orders.MapPost("/{id:guid}/items", Post).RequireCustomer(others: OrdersPermissions.ChangeOrders).WithIdempotencyKey().WithName("AddItem").WithSummary("Adds pieces of a product to a draft.");
        orders.MapDelete("/{id:guid}/items/{sku}", Delete).RequireCustomer(others: OrdersPermissions.ChangeOrders).WithName("RemoveItem").WithSummary("Removes a line from a draft.");
    }

    private static async Task<ETagged<Ok<OrderView>>> Post(
        Guid id, ItemRequest request, ExpectedVersion expected, ChangeItems feature, CancellationToken cancellationToken) =>
        await feature.Answer(await feature.Add(id, request, expected, cancellationToken), cancellationToken);

    private static async Task<ETagged<Ok<OrderView>>> Delete(Guid id, string sku, ExpectedVersion expected, ChangeItems feature, CancellationToken cancellationToken) =>
        await feature.Answer(await feature.Remove(id, sku, expected, cancellationToken), cancellationToken);

    private async Task<ETagged<Ok<OrderView>>> Answer(VersionedOrder order, CancellationToken cancellationToken) =>
        TypedResults.Ok(await catalogue.AtTodaysPrices(OrderView.Of(order.State, order.Version), cancellationToken)).WithETag(order.Version);
}
