namespace Orders.Domain;

/// <summary>An exact amount in one currency.</summary>
/// <remarks>
/// Nothing here rounds: unit prices are exact decimals and only ever multiplied by whole numbers and added up,
/// so a total is exact to the last digit of its prices.
/// </remarks>
/// <param name="Amount">Exact decimal amount in units of the currency.</param>
/// <param name="Currency">ISO 4217 code.</param>
public sealed record Money(decimal Amount, string Currency)
{
    public static Money Zero(string currency) => new(0m, currency);

    public Money Times(int quantity) => this with { Amount = Amount * quantity };

    /// <exception cref="InvalidOperationException">The currencies differ; there is no exchange rate in this system.</exception>
    public Money Plus(Money other) => other.Currency == Currency
        ? this with { Amount = Amount + other.Amount }
        : throw new InvalidOperationException($"{other.Currency} cannot be added to {Currency}.");
}
