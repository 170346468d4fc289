using Shop.Contracts;

namespace Inventory.Domain;

/// <summary>Which money can be a price: positive, in a currency of ISO 4217, and not finer than its smallest coin.</summary>
public static class Prices
{
    public const decimal Max = 1_000_000_000m;

    /// <summary>An amount as it stands on the wire.</summary>
    public const string Shape = "^(0|[1-9][0-9]{0,9})([.][0-9]{1,18})?$";

    /// <summary>A code of ISO 4217.</summary>
    public const string CurrencyShape = "^[A-Z]{3}$";

    /// <summary>A price that passes every check, for whoever has found another mistake and looks for more.</summary>
    public static readonly Money Placeholder = new(1, "EUR");

    /// <summary>What is wrong with a price, or null when it is one.</summary>
    public static string? Problem(Money? price) => price switch
    {
        null => "A price is needed, for example {\"amount\": \"19.99\", \"currency\": \"EUR\"}.",
        { Currency: null } => "A price names its currency by its ISO 4217 code.",
        _ when Currencies.MinorDigits(price.Currency) is null => "The currency is not a code of ISO 4217, such as EUR.",
        { Amount: <= 0 } => "A price is more than zero.",
        { Amount: > Max } => "A price is at most 1000000000.",
        _ when Currencies.MinorDigits(price.Currency) is { } digits && decimal.Round(price.Amount, digits) != price.Amount =>
            $"A price in {price.Currency} has at most {digits} decimals.",
        _ => null,
    };

    /// <summary>The same price, written with all digits of its currency: 5 EUR is 5.00 EUR.</summary>
    public static Money Normalize(Money price)
    {
        var digits = Currencies.MinorDigits(price.Currency) ?? throw new ArgumentException($"{price.Currency} is no currency of ISO 4217.", nameof(price));
        return price with { Amount = decimal.Round(price.Amount, digits) + new decimal(0, 0, 0, false, (byte)digits) };
    }
}
