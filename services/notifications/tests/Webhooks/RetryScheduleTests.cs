using Notifications.Webhooks;

namespace Notifications.Tests.Webhooks;

public class RetryScheduleTests
{
    private readonly RetrySchedule _schedule = new(RetrySchedule.Standard);

    [Fact]
    public void Ten_attempts_are_made_within_about_three_days()
    {
        var waits = Enumerable.Range(0, 10).Select(made => _schedule.Next(made, 0.5)!.Value).ToList();
        waits.ShouldBe(RetrySchedule.Standard);
        waits.Aggregate((a, b) => a + b).TotalDays.ShouldBeInRange(3, 3.5);
        _schedule.Next(10, 0.5).ShouldBeNull();
    }

    [Theory]
    [InlineData(0, 270)]
    [InlineData(0.5, 300)]
    [InlineData(1, 330)]
    public void Jitter_moves_a_wait_by_a_tenth_at_most(double jitter, double seconds) =>
        _schedule.Next(2, jitter)!.Value.TotalSeconds.ShouldBe(seconds, 0.001);

    [Fact]
    public void An_endpoint_may_ask_for_a_longer_pause_and_not_for_a_shorter_one()
    {
        _schedule.Next(1, 0.5, TimeSpan.FromMinutes(1)).ShouldBe(TimeSpan.FromMinutes(1));
        _schedule.Next(2, 0.5, TimeSpan.FromSeconds(1)).ShouldBe(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void Nobody_can_park_a_delivery_for_longer_than_a_day() =>
        _schedule.Next(1, 0.5, TimeSpan.FromDays(365)).ShouldBe(TimeSpan.FromHours(24));
}
