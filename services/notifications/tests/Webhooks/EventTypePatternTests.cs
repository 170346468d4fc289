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
}
