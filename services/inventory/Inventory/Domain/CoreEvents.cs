using Shop.Contracts;

namespace Inventory.Domain;

/// <summary>
/// What happened to a product, in this service's own terms: a line of its history. <see cref="Persistence.ProductHistory"/> keeps it
/// and translates it for everybody else.
/// </summary>
public abstract record ProductEvent(string Sku);

internal sealed record ProductWasAdded(
    string Sku, string Name, Money Price, IReadOnlyList<SkuQuantity> Components, IReadOnlyList<SkuQuantity> Parts, int? ReorderPoint)
    : ProductEvent(Sku);

internal sealed record PriceWasChanged(string Sku, Money OldPrice, Money NewPrice) : ProductEvent(Sku);

internal sealed record ProductWasDiscontinued(string Sku, int OnHand, int Reserved) : ProductEvent(Sku);
