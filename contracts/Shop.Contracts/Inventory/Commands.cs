using System.ComponentModel.DataAnnotations;
using Contracts.Events;

namespace Shop.Contracts.Inventory.V1;

// Commands go point to point to Queues.InventoryCommands. Each is idempotent by order id and answered by an event.

/// <summary>Set everything aside that the order needs. Answered by <see cref="StockReserved"/> or <see cref="StockReservationFailed"/>.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Items">Products as ordered; inventory takes the parts of recipes.</param>
[SentBy("orders")]
public sealed record ReserveStock(Guid OrderId, [MinLength(1)] IReadOnlyList<SkuQuantity> Items);

/// <summary>
/// Legal at any time before dispatch, also before the reservation arrives, which is then refused. Answered by <see cref="StockReleased"/>;
/// after dispatch the answer is <see cref="ShipmentDispatched"/> again, since what is shipped cannot be released.
/// </summary>
/// <param name="OrderId">The order.</param>
/// <param name="Reason">Why, for people.</param>
[SentBy("orders")]
public sealed record ReleaseStock(Guid OrderId, [MinLength(1)] string Reason);

/// <summary>Answered by <see cref="ShipmentDispatched"/>, or by <see cref="StockReleased"/> when the reservation is gone.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Address">Where to.</param>
/// <param name="UserId">Whose order it is, so that the address can be removed when that customer is erased.</param>
[SentBy("orders")]
public sealed record ShipOrder(Guid OrderId, ShipTo Address, Guid? UserId = null);

/// <summary>A postal address.</summary>
/// <param name="Name">Recipient.</param>
/// <param name="Line1">Street and number.</param>
/// <param name="City">City.</param>
/// <param name="PostalCode">Postal code.</param>
/// <param name="Country">ISO 3166-1 alpha-2 code.</param>
/// <param name="Line2">Anything further.</param>
public sealed record ShipTo(
    [MinLength(1), PersonalData] string Name,
    [MinLength(1), PersonalData] string Line1,
    [MinLength(1), PersonalData] string City,
    [MinLength(1), PersonalData] string PostalCode,
    [RegularExpression("^[A-Z]{2}$")] string Country,
    [PersonalData] string? Line2 = null);
