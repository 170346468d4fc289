using System.ComponentModel.DataAnnotations;
using Contracts.Events;

namespace Shop.Contracts.Inventory.V1;

/// <summary>A product can be ordered from now on.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Name">What customers call it.</param>
/// <param name="Price">Price of one piece.</param>
/// <param name="Components">The recipe: what is taken from stock for one piece. Empty for a product that is stocked itself.</param>
/// <param name="AddedAt">When it was added.</param>
/// <param name="ReorderPoint">At or below this number of available pieces the stock counts as low.</param>
[BoundaryEvent("shop.product.added.v1", nameof(Sku))]
public sealed record ProductAdded(
    [MinLength(1)] string Sku,
    [MinLength(1)] string Name,
    Money Price,
    IReadOnlyList<SkuQuantity> Components,
    DateTimeOffset AddedAt,
    [Range(0, int.MaxValue)] int? ReorderPoint = null);

/// <summary>A number of pieces of one stock keeping unit.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces, at least one.</param>
public sealed record SkuQuantity([MinLength(1)] string Sku, [Range(1, int.MaxValue)] int Quantity);

/// <summary>Orders placed from now on are charged the new price; orders placed before keep theirs.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="OldPrice">Price of one piece until now.</param>
/// <param name="NewPrice">Price of one piece from now on.</param>
/// <param name="ChangedAt">When it changed.</param>
[BoundaryEvent("shop.product.price-changed.v1", nameof(Sku))]
public sealed record ProductPriceChanged([MinLength(1)] string Sku, Money OldPrice, Money NewPrice, DateTimeOffset ChangedAt);

/// <summary>The product cannot be ordered any longer. Orders that were placed before are still fulfilled.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="DiscontinuedAt">When it was discontinued.</param>
[BoundaryEvent("shop.product.discontinued.v1", nameof(Sku))]
public sealed record ProductDiscontinued([MinLength(1)] string Sku, DateTimeOffset DiscontinuedAt);

/// <summary>Pieces arrived at the warehouse.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces received.</param>
/// <param name="OnHand">Pieces in the warehouse afterwards.</param>
/// <param name="Reference">Delivery note or the like.</param>
/// <param name="ReceivedAt">When it was booked.</param>
[BoundaryEvent("shop.stock.received.v1", nameof(Sku))]
public sealed record StockReceived(
    [MinLength(1)] string Sku,
    [Range(1, int.MaxValue)] int Quantity,
    [Range(0, int.MaxValue)] int OnHand,
    string Reference,
    DateTimeOffset ReceivedAt);

/// <summary>Everything that the order needs is set aside.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Items">What was set aside. Parts of recipes are listed, not the product made of them.</param>
/// <param name="ReservedAt">When it was set aside.</param>
[BoundaryEvent("shop.stock.reserved.v1", nameof(OrderId))]
public sealed record StockReserved(Guid OrderId, [MinLength(1)] IReadOnlyList<SkuQuantity> Items, DateTimeOffset ReservedAt);

/// <summary>Nothing was set aside for this order, and nothing will be.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="Shortages">What there was too little of; empty when the stock was not the reason.</param>
/// <param name="FailedAt">When it was decided.</param>
[BoundaryEvent("shop.stock.reservation-failed.v1", nameof(OrderId))]
public sealed record StockReservationFailed(Guid OrderId, [MinLength(1)] string Reason, IReadOnlyList<Shortage> Shortages, DateTimeOffset FailedAt);

/// <summary>Too little of one stock keeping unit.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Requested">Pieces that the order needs.</param>
/// <param name="Available">Pieces that were neither reserved nor shipped.</param>
public sealed record Shortage([MinLength(1)] string Sku, [Range(1, int.MaxValue)] int Requested, [Range(0, int.MaxValue)] int Available);

/// <summary>Nothing is set aside for this order any longer.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Items">What went back; empty when nothing had been set aside.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="ReleasedAt">When it went back.</param>
[BoundaryEvent("shop.stock.released.v1", nameof(OrderId))]
public sealed record StockReleased(Guid OrderId, IReadOnlyList<SkuQuantity> Items, [MinLength(1)] string Reason, DateTimeOffset ReleasedAt);

/// <summary>What is available fell to the reorder point or below. Told once per crossing, not per order.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Available">Pieces that are neither reserved nor shipped.</param>
/// <param name="ReorderPoint">The limit that was reached.</param>
/// <param name="DetectedAt">When it was reached.</param>
[BoundaryEvent("shop.stock.low.v1", nameof(Sku))]
public sealed record StockLow(
    [MinLength(1)] string Sku,
    [Range(0, int.MaxValue)] int Available,
    [Range(0, int.MaxValue)] int ReorderPoint,
    DateTimeOffset DetectedAt);

/// <summary>The parcel left the warehouse.</summary>
/// <param name="ShipmentId">The shipment.</param>
/// <param name="OrderId">The order.</param>
/// <param name="Carrier">Who carries it.</param>
/// <param name="TrackingNumber">The carrier's number.</param>
/// <param name="Items">What is in it. Parts of recipes are listed, not the product made of them.</param>
/// <param name="DispatchedAt">When it left.</param>
[BoundaryEvent("shop.shipment.dispatched.v1", nameof(ShipmentId))]
public sealed record ShipmentDispatched(
    Guid ShipmentId,
    Guid OrderId,
    [MinLength(1)] string Carrier,
    [MinLength(1)] string TrackingNumber,
    [MinLength(1)] IReadOnlyList<SkuQuantity> Items,
    DateTimeOffset DispatchedAt);
