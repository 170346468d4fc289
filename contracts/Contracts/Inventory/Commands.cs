namespace Shop.Contracts.Inventory.V1;

// Commands go point to point to Queues.InventoryCommands. Each is idempotent by order id and answered by an event.

/// <summary>Answered by <see cref="StockReserved"/> or <see cref="StockReservationFailed"/>.</summary>
public sealed record ReserveStock(Guid OrderId, IReadOnlyList<SkuQuantity> Items);

/// <summary>
/// Legal at any time before dispatch, also before the reservation arrives, which is then refused. Answered by <see cref="StockReleased"/>;
/// after dispatch the answer is <see cref="ShipmentDispatched"/> again, since what is shipped cannot be released.
/// </summary>
public sealed record ReleaseStock(Guid OrderId, string Reason);

/// <summary>Answered by <see cref="ShipmentDispatched"/>, or by <see cref="StockReleased"/> when the reservation is gone.</summary>
public sealed record ShipOrder(Guid OrderId, ShipTo Address);

public sealed record ShipTo(string Name, string Line1, string City, string PostalCode, string Country, string? Line2 = null);
