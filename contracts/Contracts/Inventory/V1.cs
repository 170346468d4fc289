namespace Shop.Contracts.Inventory.V1;

[BoundaryEvent("shop.product.added.v1", nameof(Sku))]
public sealed record ProductAdded(string Sku, string Name, Money Price, IReadOnlyList<SkuQuantity> Components, DateTimeOffset AddedAt, int? ReorderPoint = null);

/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces, at least one.</param>
public sealed record SkuQuantity(string Sku, int Quantity);

[BoundaryEvent("shop.product.price-changed.v1", nameof(Sku))]
public sealed record ProductPriceChanged(string Sku, Money OldPrice, Money NewPrice, DateTimeOffset ChangedAt);

[BoundaryEvent("shop.product.discontinued.v1", nameof(Sku))]
public sealed record ProductDiscontinued(string Sku, DateTimeOffset DiscontinuedAt);

/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces received.</param>
/// <param name="OnHand">Pieces in the warehouse afterwards.</param>
/// <param name="Reference">Delivery note or the like.</param>
/// <param name="ReceivedAt">When it was booked.</param>
[BoundaryEvent("shop.stock.received.v1", nameof(Sku))]
public sealed record StockReceived(string Sku, int Quantity, int OnHand, string Reference, DateTimeOffset ReceivedAt);

/// <summary>Everything that the order needs is set aside. Parts of recipes are listed, not the product made of them.</summary>
[BoundaryEvent("shop.stock.reserved.v1", nameof(OrderId))]
public sealed record StockReserved(Guid OrderId, IReadOnlyList<SkuQuantity> Items, DateTimeOffset ReservedAt);

/// <summary>Nothing was set aside for this order, and nothing will be.</summary>
[BoundaryEvent("shop.stock.reservation-failed.v1", nameof(OrderId))]
public sealed record StockReservationFailed(Guid OrderId, string Reason, IReadOnlyList<Shortage> Shortages, DateTimeOffset FailedAt);

public sealed record Shortage(string Sku, int Requested, int Available);

/// <summary>Nothing is set aside for this order any longer; <paramref name="Items"/> is empty when nothing ever was.</summary>
[BoundaryEvent("shop.stock.released.v1", nameof(OrderId))]
public sealed record StockReleased(Guid OrderId, IReadOnlyList<SkuQuantity> Items, string Reason, DateTimeOffset ReleasedAt);

/// <summary>What is available fell to the reorder point or below. Told once per crossing, not per order.</summary>
[BoundaryEvent("shop.stock.low.v1", nameof(Sku))]
public sealed record StockLow(string Sku, int Available, int ReorderPoint, DateTimeOffset DetectedAt);

[BoundaryEvent("shop.shipment.dispatched.v1", nameof(ShipmentId))]
public sealed record ShipmentDispatched(
    Guid ShipmentId,
    Guid OrderId,
    string Carrier,
    string TrackingNumber,
    IReadOnlyList<SkuQuantity> Items,
    DateTimeOffset DispatchedAt);
