using Chassis.Messaging.Queues;
using Microsoft.Extensions.Time.Testing;

namespace Messaging.Tests;

/// <summary>A lane whose consumer the broker has forgotten is read anew, and one with a consumer on its way is left alone.</summary>
public sealed class LaneWatchTests
{
    private const string Lane = "work.ordered.1";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly FakeTimeProvider _clock = new();
    private readonly Deliveries _deliveries;
    private readonly LaneWatch _watch;

    public LaneWatchTests()
    {
        _deliveries = new Deliveries(_clock);
        _watch = new LaneWatch(_deliveries, Patience, Interval * 2, _clock);
    }

    [Fact]
    public void A_lane_that_the_broker_has_no_reader_of_at_two_looks_is_read_anew_and_then_has_time_to_be()
    {
        Look(isRead: false).ShouldBeEmpty();
        Look(isRead: false).ShouldBe([Lane]);
        Look(isRead: false).ShouldBeEmpty();
        Look(isRead: true).ShouldBeEmpty();
        Look(isRead: false).ShouldBeEmpty();
    }

    [Fact]
    public void Not_while_this_process_has_something_of_it_in_hand()
    {
        var delivery = _deliveries.Begin(Lane);
        Look(isRead: false);
        Look(isRead: false).ShouldBeEmpty();
        _deliveries.End(delivery, isSettled: true);
        Look(isRead: false).ShouldBe([Lane]);
    }

    [Fact]
    public void Any_other_queue_is_left_to_the_guard()
    {
        Look(isRead: false, isLane: false).ShouldBeEmpty();
        Look(isRead: false, isLane: false).ShouldBeEmpty();
    }

    [Fact]
    public void One_of_which_others_get_the_messages_is_read_anew_once_in_the_whole_patience()
    {
        var times = Enumerable.Range(0, (int)(Patience * 2.5 / Interval)).Sum(_ => Look(isRead: true, waiting: 1).Count);
        times.ShouldBe(2);
    }

    private List<string> Look(bool isRead, uint waiting = 0, bool isLane = true)
    {
        _clock.Advance(Interval);
        return _watch.Look([new QueueState(Lane, isRead, waiting, isLane)]);
    }
}
