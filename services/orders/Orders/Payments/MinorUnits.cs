using System.Collections.Frozen;
using Shop.Contracts;

namespace Orders.Payments;

/// <summary>Amounts as payment providers want them: whole numbers of the currency's smallest unit.</summary>
public static class MinorUnits
{
    private static readonly FrozenSet<string> WithoutDecimals =
        new[] { "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF" }.ToFrozenSet();

    private static readonly FrozenSet<string> WithThreeDecimals = new[] { "BHD", "JOD", "KWD", "OMR", "TND" }.ToFrozenSet();

    /// <summary>A fraction of the smallest unit is rounded half to even, once, on the total.</summary>
    public static long Of(Money money) => (long)Math.Round(money.Amount * Factor(money.Currency), MidpointRounding.ToEven);

    public static Money ToMoney(long minor, string currency)
    {
        var code = currency.ToUpperInvariant();
        return new Money(minor / Factor(code), code);
    }

    private static decimal Factor(string currency) => WithoutDecimals.Contains(currency) ? 1m : WithThreeDecimals.Contains(currency) ? 1000m : 100m;
}
