using System.Collections.Frozen;

namespace Shop.Contracts;

/// <summary>The currencies of ISO 4217 and the number of decimals that each has: one table for everybody who prices, adds up or charges.</summary>
/// <remarks>
/// Source: ISO 4217, list one (active codes) as kept by its maintenance agency,
/// https://www.six-group.com/en/products-services/financial-information/data-standards.html. Metals, funds and test codes are left out; currencies that were
/// replaced lately stay, for prices that were stored in them. What a payment provider counts otherwise is that provider's matter and stands with its gateway.
/// </remarks>
public static class Currencies
{
    private static readonly FrozenDictionary<string, int> Digits = Table(
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (2, """
            AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK
            DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
            LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
            RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST
            XCD XCG YER ZAR ZMW ZWG
            """));

    /// <summary>How many decimals an amount in this currency has at most: 2 for EUR, 0 for JPY, 3 for KWD. Null for what is no code of ISO 4217.</summary>
    public static int? MinorDigits(string? code) => code is not null && Digits.TryGetValue(code, out var digits) ? digits : null;

    private static FrozenDictionary<string, int> Table(params (int Digits, string Codes)[] groups) =>
        groups.SelectMany(g => g.Codes.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries), (g, code) => (code, g.Digits))
            .ToFrozenDictionary(c => c.code, c => c.Digits);
}
