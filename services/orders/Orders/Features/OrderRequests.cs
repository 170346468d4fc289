using System.ComponentModel.DataAnnotations;
using Chassis.Web;
using Orders.Domain;

namespace Orders.Features;

/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces, 1 to 10,000.</param>
public sealed record ItemRequest(
    [property: RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", ErrorMessage = "is not a sku: 1 to 64 letters, digits, dots, hyphens and underscores.")] string Sku,
    [property: Range(Order.MinQuantity, Order.MaxQuantity)] int Quantity);

/// <param name="PaymentMethod">The payment provider's handle of the customer's means of payment.</param>
/// <param name="ShippingAddress">Where it goes.</param>
/// <param name="ExpectedTotal">What the customer has seen and is willing to pay: at another sum the answer is 409 <c>price_changed</c>.</param>
internal sealed record SubmitOrderRequest(
    [property: Text(100)] string PaymentMethod, AddressRequest ShippingAddress, Shop.Contracts.Money? ExpectedTotal = null)
{
    internal Money? Expected => ExpectedTotal is { } money ? new Money(money.Amount, money.Currency) : null;
}

/// <param name="Name">The recipient.</param>
/// <param name="Line1">Street and number.</param>
/// <param name="City">Town.</param>
/// <param name="PostalCode">Post code.</param>
/// <param name="Country">ISO 3166-1 alpha-2 code, in capitals.</param>
/// <param name="Line2">Anything more.</param>
internal sealed record AddressRequest(
    [property: Text(200)] string Name,
    [property: Text(200)] string Line1,
    [property: Text(100)] string City,
    [property: Text(20)] string PostalCode,
    [property: Country] string Country,
    [property: Text(200)] string? Line2 = null)
{
    public Address ToAddress() => new(Name, Line1, Line2, City, PostalCode, Country);
}
