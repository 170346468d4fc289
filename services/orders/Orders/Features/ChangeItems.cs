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

    public Task<VersionedOrder> AddAsync(Guid id, ItemRequest request, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        return orders.ChangeAsync(
            id,
            expected,
            async (order, token) =>
            {
                MustBeShort(caller.MustSee(order));
                await catalogue.MustBeActiveAsync(order!.State.UserId, token);
                var products = await catalogue.FindAsync([request.Sku], token);
                return products.TryGetValue(request.Sku, out var product)
                    ? [new AddItem(product, request.Quantity, clock.GetUtcNow())]
                    : throw ProblemException.Invalid("sku", "is not a product that is sold here.");
            },
            ct);
    }

    public Task<VersionedOrder> RemoveAsync(Guid id, string sku, ExpectedVersion expected, CancellationToken ct) => orders.ChangeAsync(
        id,
        expected,
        (order, _) =>
        {
            MustBeShort(caller.MustSee(order));
            return Task.FromResult<IReadOnlyList<OrderCommand>>([new RemoveItem(sku, clock.GetUtcNow())]);
        },
        ct);

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
        orders.MapPost("/{id:guid}/items", Post)
            .RequireCustomer(others: OrdersPermissions.ChangeOrders)
            .WithIdempotencyKey()
            .WithName("AddItem")
            .WithSummary("Adds pieces of a product to a draft.");
        orders.MapDelete("/{id:guid}/items/{sku}", Delete)
            .RequireCustomer(others: OrdersPermissions.ChangeOrders)
            .WithName("RemoveItem")
            .WithSummary("Removes a line from a draft.");
    }

    private static async Task<ETagged<Ok<OrderView>>> Post(
        Guid id, ItemRequest request, ExpectedVersion expected, ChangeItems feature, CancellationToken ct) =>
        await feature.AnswerAsync(await feature.AddAsync(id, request, expected, ct), ct);

    private static async Task<ETagged<Ok<OrderView>>> Delete(Guid id, string sku, ExpectedVersion expected, ChangeItems feature, CancellationToken ct) =>
        await feature.AnswerAsync(await feature.RemoveAsync(id, sku, expected, ct), ct);

    private async Task<ETagged<Ok<OrderView>>> AnswerAsync(VersionedOrder order, CancellationToken ct) =>
        TypedResults.Ok(await catalogue.AtTodaysPricesAsync(OrderView.Of(order.State, order.Version), ct)).WithETag(order.Version);
}
