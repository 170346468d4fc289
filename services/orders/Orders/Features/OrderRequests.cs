using System.Text.RegularExpressions;
using Chassis.Web;
using Orders.Domain;

namespace Orders.Features;

/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces, 1 to 10,000.</param>
public sealed record ItemRequest(string Sku, int Quantity);

/// <param name="PaymentMethod">The payment provider's handle of the customer's means of payment.</param>
/// <param name="ShippingAddress">Where it goes.</param>
/// <param name="ExpectedTotal">What the customer has seen and is willing to pay: at another sum the answer is 409 <c>price_changed</c>.</param>
public sealed record SubmitOrderRequest(string PaymentMethod, AddressRequest ShippingAddress, Shop.Contracts.Money? ExpectedTotal = null)
{
    internal Money? Expected => ExpectedTotal is { } money ? new Money(money.Amount, money.Currency) : null;
}

/// <param name="Name">The recipient.</param>
/// <param name="Line1">Street and number.</param>
/// <param name="City">Town.</param>
/// <param name="PostalCode">Post code.</param>
/// <param name="Country">ISO 3166-1 alpha-2 code, in capitals.</param>
/// <param name="Line2">Anything more.</param>
public sealed record AddressRequest(string Name, string Line1, string City, string PostalCode, string Country, string? Line2 = null)
{
    public Address ToAddress() => new(Name, Line1, Line2, City, PostalCode, Country);
}

/// <summary>What a request must look like before anybody looks at an order.</summary>
internal static partial class OrderRequests
{
    public static Validator Item(this Validator check, string prefix, ItemRequest? item) => item is null
        ? check.Add(prefix.TrimEnd('.'), "is required.")
        : check.Sku(prefix + "sku", item.Sku).Between(prefix + "quantity", item.Quantity, Order.MinQuantity, Order.MaxQuantity);

    public static Validator Sku(this Validator check, string field, string? sku) => string.IsNullOrWhiteSpace(sku)
        ? check.Add(field, "is required.")
        : check.Matches(field, sku, SkuPattern(), "is not a sku: 1 to 64 letters, digits, dots, hyphens and underscores.");

    public static Validator Submission(this Validator check, string prefix, SubmitOrderRequest submission)
    {
        check.Text(prefix + "paymentMethod", submission.PaymentMethod, 100);
        var (address, at) = (submission.ShippingAddress, prefix + "shippingAddress.");
        return check
            .Text(at + "name", address.Name, 200)
            .Text(at + "line1", address.Line1, 200)
            .OptionalText(at + "line2", address.Line2, 200)
            .Text(at + "city", address.City, 100)
            .Text(at + "postalCode", address.PostalCode, 20)
            .Matches(at + "country", address.Country, CountryPattern(), "is not an ISO 3166-1 alpha-2 code such as DE.");
    }

    public static Validator Currency(this Validator check, string? currency) =>
        currency is null ? check : check.Matches("currency", currency, CurrencyPattern(), "is not an ISO 4217 code such as EUR.");

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z")]
    private static partial Regex SkuPattern();

    [GeneratedRegex(@"\A[A-Z]{2}\z")]
    private static partial Regex CountryPattern();

    [GeneratedRegex(@"\A[A-Z]{3}\z")]
    private static partial Regex CurrencyPattern();
}
