using System.Globalization;
using Inventory.Domain;
using Shop.Contracts;

namespace Inventory.Tests.Domain;

public sealed class PricesTests
{
    [Theory]
    [InlineData("0.01", "EUR")]
    [InlineData("19.90", "USD")]
    [InlineData("1000000000", "EUR")]
    [InlineData("500", "JPY")]
    [InlineData("1.234", "KWD")]
    [InlineData("1.239", "LYD")]
    [InlineData("19.99", "MGA")]
    public void Money_of_a_known_currency_can_be_a_price(string amount, string currency) => Prices.Problem(Money(amount, currency)).ShouldBeNull();

    [Theory]
    [InlineData("0", "EUR", "more than zero")]
    [InlineData("-1", "EUR", "more than zero")]
    [InlineData("1000000000.01", "EUR", "at most")]
    [InlineData("1.999", "EUR", "at most 2 decimals")]
    [InlineData("1.5", "JPY", "at most 0 decimals")]
    [InlineData("1.2345", "KWD", "at most 3 decimals")]
    [InlineData("1", "eur", "ISO 4217")]
    [InlineData("1", "EURO", "ISO 4217")]
    [InlineData("1", "XXX", "ISO 4217")]
    [InlineData("1", "", "ISO 4217")]
    public void Anything_else_is_refused_with_the_reason(string amount, string currency, string reason) =>
        Prices.Problem(Money(amount, currency)).ShouldNotBeNull().ShouldContain(reason);

    [Theory]
    [InlineData("5", "EUR", "5.00")]
    [InlineData("5.10000", "EUR", "5.10")]
    [InlineData("5", "JPY", "5")]
    [InlineData("5", "KWD", "5.000")]
    public void A_price_is_written_with_all_digits_of_its_currency(string amount, string currency, string written) =>
        Prices.Normalize(Money(amount, currency)).Amount.ToString(CultureInfo.InvariantCulture).ShouldBe(written);

    [Theory]
    [InlineData("A", true)]
    [InlineData("LAMP-1_x.2", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("-A", false)]
    [InlineData("A B", false)]
    [InlineData("A/B", false)]
    [InlineData("Ä", false)]
    [InlineData("A\n", false)]
    public void A_sku_is_letters_digits_dots_hyphens_and_underscores(string? sku, bool valid) => Skus.IsValid(sku).ShouldBe(valid);

    [Fact]
    public void A_sku_has_at_most_64_characters()
    {
        Skus.IsValid(new string('A', 64)).ShouldBeTrue();
        Skus.IsValid(new string('A', 65)).ShouldBeFalse();
    }

    private static Money Money(string amount, string currency) => new(decimal.Parse(amount, CultureInfo.InvariantCulture), currency);
}
