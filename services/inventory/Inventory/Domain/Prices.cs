using System.Collections.Frozen;
using System.Globalization;
using Shop.Contracts;

namespace Inventory.Domain;

/// <summary>Which money can be a price: positive, in a currency of ISO 4217, and not finer than its smallest coin.</summary>
public static class Prices
{
    public const decimal Max = 1_000_000_000m;

    /// <summary>A price that passes every check, for whoever has found another mistake and looks for more.</summary>
    public static readonly Money Placeholder = new(1, "EUR");

    // ISO 4217, active codes of currencies (no metals, funds or test codes), by their number of minor digits.
    private static readonly FrozenDictionary<string, int> MinorDigits = Table(
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (2, """
            AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK
            DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
            LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
            RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST
            XCD XCG YER ZAR ZMW ZWG
            """));

    /// <summary>What is wrong with a price, or null when it is one.</summary>
    public static string? Problem(Money? price) => price switch
    {
        null => "A price is needed, for example {\"amount\": \"19.99\", \"currency\": \"EUR\"}.",
        { Currency: null } => "A price names its currency by its ISO 4217 code.",
        _ when !MinorDigits.TryGetValue(price.Currency, out _) => "The currency is not a code of ISO 4217, such as EUR.",
        { Amount: <= 0 } => "A price is more than zero.",
        { Amount: > Max } => "A price is at most 1000000000.",
        _ when decimal.Round(price.Amount, MinorDigits[price.Currency]) != price.Amount =>
            $"A price in {price.Currency} has at most {MinorDigits[price.Currency]} decimals.",
        _ => null,
    };

    /// <summary>The same price, written with all digits of its currency: 5 EUR is 5.00 EUR.</summary>
    public static Money Normalize(Money price)
    {
        var digits = MinorDigits[price.Currency];
        return price with { Amount = decimal.Round(price.Amount, digits) + new decimal(0, 0, 0, false, (byte)digits) };
    }

    /// <summary>Reads an amount as it stands on the wire: digits with an optional decimal point.</summary>
    public static bool TryParseAmount(string? text, out decimal amount) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out amount);

    private static FrozenDictionary<string, int> Table(params (int Digits, string Codes)[] groups) =>
        groups.SelectMany(g => g.Codes.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries), (g, code) => (code, g.Digits))
            .ToFrozenDictionary(c => c.code, c => c.Digits);
}
