using System.Text;
using System.Text.Json;
using Contracts.Events;
using Shop.Contracts;
using Shop.Contracts.Orders.V1;

namespace Contracts.Tests;

public sealed class The_inbound_check
{
    private static readonly BoundaryEventDescriptor Confirmed = ShopContracts.Catalogue.Find(typeof(OrderConfirmed))!;

    private const string Good =
        """
        {"orderId":"0198f1a2-7c00-7000-8000-000000000001","userId":"0198f1a2-7c00-7000-8000-000000000002",
         "items":[{"sku":"MUG","name":"Mug","quantity":2,"unitPrice":{"amount":"9.50","currency":"EUR"}}],
         "total":{"amount":"19.00","currency":"EUR"},"confirmedAt":"2026-01-02T03:04:05Z"}
        """;

    private static string? Check(string body) => ContractValidator.Validate(Confirmed, Encoding.UTF8.GetBytes(body));

    [Fact]
    public void Lets_a_good_message_pass() => Check(Good).ShouldBeNull();

    [Fact]
    public void Lets_members_pass_that_a_later_version_added() =>
        Check(Good.Replace("\"total\"", "\"gift\":{\"wrapped\":[true,null]},\"total\"", StringComparison.Ordinal)).ShouldBeNull();

    [Theory]
    [InlineData("\"total\"", "\"sum\"", "/total is required")]
    [InlineData("\"quantity\":2", "\"quantity\":0", "/items/0/quantity must be at least 1")]
    [InlineData("\"quantity\":2", "\"quantity\":2.5", "/items/0/quantity must be a whole number of at most 32 bits")]
    [InlineData("\"quantity\":2", "\"quantity\":\"2\"", "/items/0/quantity must be a whole number of at most 32 bits")]
    [InlineData("\"quantity\":2", "\"quantity\":3000000000", "/items/0/quantity must be a whole number of at most 32 bits")]
    [InlineData("\"9.50\"", "9.50", "/items/0/unitPrice/amount must be a string")]
    [InlineData("\"9.50\"", "\"-9.50\"", @"/items/0/unitPrice/amount must match ^[0-9]+(\.[0-9]+)?$")]
    [InlineData("\"currency\":\"EUR\"},\"confirmedAt\"", "\"currency\":\"euro\"},\"confirmedAt\"", "/total/currency must match ^[A-Z]{3}$")]
    [InlineData("\"sku\":\"MUG\"", "\"sku\":\"\"", "/items/0/sku must not be empty")]
    [InlineData("\"sku\":\"MUG\"", "\"sku\":null", "/items/0/sku must be a string")]
    [InlineData("0198f1a2-7c00-7000-8000-000000000002", "two", "/userId must be a UUID")]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02T03:04:05", "/confirmedAt must be an RFC 3339 time with its offset")]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02", "/confirmedAt must be an RFC 3339 time with its offset")]
    [InlineData("\"total\":{", "\"total\":{\"amount\":\"1\",", "/total/amount must not appear twice")]
    [InlineData("\"currency\":\"EUR\"},\"confirmedAt\"", "\"currency\":\"EUR\\n\"},\"confirmedAt\"", "/total/currency must match ^[A-Z]{3}$")]
    [InlineData("2026-01-02T03:04:05Z", "2026-01-02T03:04Z", "/confirmedAt must be an RFC 3339 time with its offset")]
    [InlineData("[{", "{\"0\":{", "/items must be an array")]
    public void Says_where_a_message_is_wrong_and_what_was_expected(string from, string to, string reason)
    {
        Good.ShouldContain(from);
        Check(Good.Replace(from, to, StringComparison.Ordinal)).ShouldBe(reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("{\"orderId\":")]
    public void Names_what_is_not_json(string body) => Check(body).ShouldNotBeNull().ShouldStartWith("the body is not JSON");

    [Fact]
    public void Names_what_follows_the_document() => Check(Good + "{}").ShouldNotBeNull().ShouldStartWith("the body is not JSON");

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    public void Wants_an_object(string body) => Check(body).ShouldBe("the body must be an object");

    [Fact]
    public void Wants_at_least_one_line() =>
        Check(Good.Remove(
            Good.IndexOf("[{", StringComparison.Ordinal) + 1, Good.IndexOf("}],", StringComparison.Ordinal) - Good.IndexOf("[{", StringComparison.Ordinal)))
            .ShouldBe("/items must not be empty");

    [Fact]
    public void Refuses_bytes_that_are_not_utf8()
    {
        var bytes = Encoding.UTF8.GetBytes(Good);
        bytes[Good.IndexOf("MUG", StringComparison.Ordinal)] = 0xFF;
        ContractValidator.Validate(Confirmed, bytes).ShouldNotBeNull();
    }

    [Fact]
    public void Never_repeats_a_value_of_the_message() =>
        Check(Good.Replace("0198f1a2-7c00-7000-8000-000000000002", "jane@example.com", StringComparison.Ordinal)).ShouldNotBeNull().ShouldNotContain("jane");

    [Fact]
    public void What_passes_can_be_read()
    {
        Check(Good).ShouldBeNull();
        JsonSerializer.Deserialize<OrderConfirmed>(Good, ContractJson.Options).ShouldNotBeNull().Items.Single().UnitPrice.Amount.ShouldBe(9.5m);
    }
}
