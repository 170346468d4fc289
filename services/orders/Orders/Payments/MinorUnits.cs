using System.Collections.Frozen;
using Orders.Domain;
using Shop.Contracts;
using Money = Shop.Contracts.Money;

namespace Orders.Payments;

/// <summary>
/// Amounts as the payment provider wants them: whole numbers of the currency's minor unit. Nothing is rounded: what is not whole cannot be charged.
/// </summary>
/// <remarks>
/// The decimals are those of ISO 4217 (<see cref="Currencies"/>), but for what Stripe counts otherwise:
/// https://docs.stripe.com/currencies#zero-decimal, #three-decimal and #special-cases.
/// </remarks>
public static class MinorUnits
{
    /// <summary>How many minor units one unit has at Stripe, and what the number of them must be a multiple of.</summary>
    private static readonly FrozenDictionary<string, (int PerUnit, int Step)> Exceptions = new Dictionary<string, (int, int)>
    {
        // Without decimals there; ISO 4217 has two.
        ["MGA"] = (1, 1),

        // Without decimals, yet to be written with two that are always 00.
        ["ISK"] = (100, 100),
        ["UGX"] = (100, 100),

        // The last of the three decimals is always 0.
        ["BHD"] = (1000, 10),
        ["JOD"] = (1000, 10),
        ["KWD"] = (1000, 10),
        ["OMR"] = (1000, 10),
        ["TND"] = (1000, 10),
    }.ToFrozenDictionary();

    /// <summary>More than any provider takes, and far from where the arithmetic ends.</summary>
    private const decimal Largest = 1_000_000_000_000_000m;

    /// <param name="currency">ISO 4217.</param>
    /// <param name="largest">In minor units.</param>
    /// <returns>What can be charged in the currency; null when nothing can.</returns>
    public static ChargeLimits? Limits(string currency, long largest) =>
        Of(currency) is var (perUnit, step) ? new ChargeLimits((decimal)step / perUnit, (decimal)largest / perUnit) : null;

    /// <returns>Null for an amount that cannot be charged as it is: finer than the smallest charge in its currency, negative, or beyond all bounds.</returns>
    public static long? Of(Money money) =>
        money.Amount is >= 0 and <= Largest && Of(money.Currency) is var (perUnit, step) && money.Amount * perUnit % step == 0
            ? (long)(money.Amount * perUnit)
            : null;

    /// <summary>What the provider says, in any currency that it may name.</summary>
    public static Money ToMoney(long minor, string currency)
    {
        var code = currency.ToUpperInvariant();
        return new Money(minor / (decimal)(Of(code)?.PerUnit ?? 100), code);
    }

    private static (int PerUnit, int Step)? Of(string currency) =>
        Exceptions.TryGetValue(currency, out var exception) ? exception
        : Currencies.MinorDigits(currency) is { } digits ? ((int)Math.Pow(10, digits), 1)
        : null;
}
