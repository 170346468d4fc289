using System.Text.Json;
using ShopConsole.Api;
using ShopConsole.Layout;

namespace ShopConsole.Tests;

/// <summary>Figures as people read them, and addresses with whatever somebody has typed.</summary>
public sealed class Words_and_queries
{
    [Theory]
    [InlineData(-5, "0 ms")]
    [InlineData(0.012, "12 ms")]
    [InlineData(1.24, "1.2 s")]
    [InlineData(42, "42 s")]
    [InlineData(250, "4 min 10 s")]
    [InlineData(7_500, "2 h 5 min")]
    [InlineData(273_600, "3 d 4 h")]
    public void A_time_has_the_units_that_matter(double seconds, string words) => Words.OfSeconds(seconds).ShouldBe(words);

    [Theory]
    [InlineData(0, "0 messages")]
    [InlineData(1, "1 message")]
    [InlineData(1_000, "1000 messages")]
    public void One_is_not_many(long count, string words) => Words.Count(count, "message").ShouldBe(words);

    [Fact]
    public void A_name_of_the_machine_is_made_of_words() => Words.Spaced("reservingStock").ShouldBe("reserving stock");

    [Theory]
    [InlineData("urn:message:Orders.Fulfilment:DeadlinePassed", "DeadlinePassed")]
    [InlineData("shop.order.submitted.v1", "shop.order.submitted.v1")]
    public void A_message_is_called_what_people_call_it(string type, string name) => Words.Message(type).ShouldBe(name);

    [Fact]
    public void An_id_is_known_by_its_end() => Words.Short(Guid.Parse("01a22b61-3b51-7453-8720-00c0ffee1234")).ShouldBe("ffee1234");

    [Fact]
    public void An_order_has_the_number_that_its_customer_knows() =>
        Words.Number(Guid.Parse("01a22b61-3b51-7453-8720-00c0ffee1234")).ShouldBe("FFEE-1234");

    [Fact]
    public void A_body_is_shown_as_JSON_or_as_it_is()
    {
        Words.Indented(JsonElement.Parse("""{"a":"<é>"}""")).ShouldBe("{\n  \"a\": \"<é>\"\n}");
        Words.Indented(JsonElement.Parse("\"no json\"")).ShouldBe("no json");
    }

    [Fact]
    public void A_query_is_escaped_and_leaves_out_what_is_not_given()
    {
        Query.Of("/failed").ShouldBe("/failed");
        Query.Of("/failed", ("service", null), ("status", "")).ShouldBe("/failed");
        Query.Of("/failed", ("service", "a&b=c"), ("status", null), ("q", "ü/?#\"")).ShouldBe("/failed?service=a%26b%3Dc&q=%C3%BC%2F%3F%23%22");
    }
}
