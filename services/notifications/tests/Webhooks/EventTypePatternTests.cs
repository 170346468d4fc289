using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

public class EventTypePatternTests
{
    [Theory]
    [InlineData("shop.order.submitted.v1", "shop.order.submitted.v1", true)]
    [InlineData("shop.order.submitted.v1", "shop.order.submitted.v2", false)]
    [InlineData("shop.order.*", "shop.order.submitted.v2", true)]
    [InlineData("shop.order.*", "shop.order", false)]
    [InlineData("shop.order.*", "shop.orders.submitted.v1", false)]
    [InlineData("shop.*.shipped.v1", "shop.order.shipped.v1", true)]
    [InlineData("shop.*.shipped.v1", "shop.order.line.shipped.v1", false)]
    [InlineData("shop.order.*.v1", "shop.order.cancelled.v1", true)]
    [InlineData("shop.order.*.v1", "shop.order.submitted.v2", false)]
    [InlineData("*", "shop.anything.at-all.v7", true)]
    [InlineData("shop.order.submitted", "shop.order.submitted.v1", false)]
    public void A_star_is_one_part_and_at_the_end_everything_that_follows(string pattern, string type, bool matches) =>
        EventTypePattern.Matches(pattern, type).ShouldBe(matches);

    [Theory]
    [InlineData("shop.order.*", true)]
    [InlineData("*", true)]
    [InlineData("shop.stock.reservation-failed.v1", true)]
    [InlineData("", false)]
    [InlineData("shop..order", false)]
    [InlineData("shop.ord*", false)]
    [InlineData("shop.order.#", false)]
    [InlineData("Shop.Order", false)]
    [InlineData("shop.order.v1\n", false)]
    public void Only_names_and_stars_between_dots_are_patterns(string pattern, bool valid) => EventTypePattern.IsValid(pattern).ShouldBe(valid);

    [Theory]
    [InlineData("shop.order.submitted.v1", "shop.order.submitted.v1")]
    [InlineData("shop.order.*", "shop.order.*.#")]
    [InlineData("shop.*.shipped.v1", "shop.*.shipped.v1")]
    [InlineData("*", "shop.#")]
    [InlineData("*.order.*", "shop.order.*.#")]
    [InlineData("shop.*", "shop.*.#")]
    [InlineData("globex.order.*", null)]
    [InlineData("shop", null)]
    public void The_broker_is_asked_for_as_much(string pattern, string? topic) => EventTypePattern.ToTopic(pattern).ShouldBe(topic);

    [Fact]
    public void What_a_pattern_matches_the_broker_sends_and_nothing_else()
    {
        var different =
            from pattern in Names(4, "*", "shop", "a")
            from type in Names(4, "a", "b").Select(name => $"shop.{name}")
            where (EventTypePattern.ToTopic(pattern) is { } topic && Topic(topic, type)) != EventTypePattern.Matches(pattern, type)
            select $"{pattern} and {type}";
        different.ShouldBeEmpty();
    }

    private static IEnumerable<string> Names(int most, params string[] parts) =>
        most == 1 ? parts : parts.Concat(Names(most - 1, parts).SelectMany(_ => parts, (rest, part) => $"{part}.{rest}"));

    /// <summary>How AMQP 0-9-1 says that a topic exchange compares (3.1.3.3).</summary>
    private static bool Topic(string topic, string type)
    {
        return Rest(topic.Split('.'), type.Split('.'));

        static bool Rest(ReadOnlySpan<string> pattern, ReadOnlySpan<string> parts) => pattern switch
        {
            [] => parts.Length == 0,
            ["#", .. var after] => Rest(after, parts) || (parts.Length > 0 && Rest(pattern, parts[1..])),
            [var first, .. var after] => parts.Length > 0 && (first == "*" || first == parts[0]) && Rest(after, parts[1..]),
        };
    }
}
