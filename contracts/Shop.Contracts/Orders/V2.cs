using System.ComponentModel.DataAnnotations;
using Contracts.Events;
using Shop.Contracts.Orders.V1;

namespace Shop.Contracts.Orders.V2;

/// <summary>An order was placed. New against version 1: money with its currency, names of the products, the country it goes to.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Items">At least one line.</param>
/// <param name="Total">Sum over the lines.</param>
/// <param name="ShippingCountry">ISO 3166-1 alpha-2 code.</param>
/// <param name="SubmittedAt">When the customer placed it.</param>
[BoundaryEvent("shop.order.submitted.v2", nameof(OrderId))]
public sealed record OrderSubmitted(
    Guid OrderId,
    Guid UserId,
    [MinLength(1)] IReadOnlyList<OrderLine> Items,
    Money Total,
    [RegularExpression("^[A-Z]{2}$")] string ShippingCountry,
    DateTimeOffset SubmittedAt);
