using Chassis.Messaging.Model;
using Chassis.Messaging.Queues;
using Microsoft.Extensions.Time.Testing;

namespace Messaging.Tests;

/// <summary>Work that stands still is told from work that is slow, waits or is not there.</summary>
public sealed class ProgressWatchTests
{
    private const string Queue = "work.commands";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly FakeTimeProvider _clock = new();
    private readonly Deliveries _deliveries;
    private readonly ProgressWatch _watch;

    public ProgressWatchTests()
    {
        _deliveries = new Deliveries(_clock);
        _watch = new ProgressWatch(_deliveries, Patience, Interval * 2, _clock);
    }

    [Fact]
    public void A_message_that_is_never_settled_stands_still()
    {
        var delivery = _deliveries.Begin(Queue);
        _clock.Advance(Interval);
        var younger = _deliveries.Begin(Queue);

        var stuck = WatchFor(Patience * 2, waiting: 4).ShouldNotBeNull();

        stuck.Queue.ShouldBe(new QueueState(Queue, IsRead: true, Waiting: 4));
        stuck.For.ShouldBe(Patience);
        stuck.InFlight.ShouldBe([delivery, younger]);
        _deliveries.OldestAge.ShouldBeGreaterThan(Patience);
    }

    [Fact]
    public void One_message_is_enough_if_nobody_waits_behind_it()
    {
        _deliveries.Begin(Queue);
        WatchFor(Patience * 2, waiting: 0).ShouldNotBeNull();
    }

    [Fact]
    public void Messages_that_wait_and_are_never_handed_out_stand_still() => WatchFor(Patience * 2, waiting: 1).ShouldNotBeNull().InFlight.ShouldBeEmpty();

    [Fact]
    public void A_lane_whose_messages_another_replica_is_given_does_not_and_one_in_hand_does()
    {
        WatchFor(Patience * 2, waiting: 9, isLane: true).ShouldBeNull();
        _deliveries.Begin(Queue);
        WatchFor(Patience * 2, waiting: 9, isLane: true).ShouldNotBeNull();
    }

    [Fact]
    public void A_queue_without_work_does_not() => WatchFor(Patience * 3, waiting: 0).ShouldBeNull();

    [Fact]
    public void A_queue_that_another_replica_empties_from_time_to_time_does_not()
    {
        for (var i = 0; i < 3; i++)
        {
            WatchFor(Patience * 0.9, waiting: 7).ShouldBeNull();
            WatchFor(Interval, waiting: 0).ShouldBeNull();
        }
    }

    [Fact]
    public void A_queue_that_moves_slowly_does_not_though_one_of_its_messages_never_ends()
    {
        _deliveries.Begin(Queue);
        for (var i = 0; i < 3; i++)
        {
            var slow = _deliveries.Begin(Queue);
            WatchFor(Patience * 0.9, waiting: 100).ShouldBeNull();
            _deliveries.End(slow, isSettled: true);
        }
    }

    [Fact]
    public void A_message_that_waits_for_its_next_try_does_not_and_one_whose_try_never_ends_does()
    {
        var delivery = _deliveries.Begin(Queue);
        delivery.Stage = Stage.Pause;
        WatchFor(Patience * 3, waiting: 100).ShouldBeNull();

        delivery.Stage = Stage.Consumer;
        WatchFor(Patience * 2, waiting: 100).ShouldNotBeNull().For.ShouldBe(Patience);
    }

    [Fact]
    public void An_acknowledgement_that_the_broker_has_not_got_is_no_progress()
    {
        WatchFor(Patience * 0.9, waiting: 1).ShouldBeNull();
        _deliveries.End(_deliveries.Begin(Queue), isSettled: false);
        WatchFor(Patience * 0.2, waiting: 1).ShouldNotBeNull();
    }

    [Fact]
    public void A_queue_that_is_not_read_is_somebody_elses_matter()
    {
        WatchFor(Patience * 0.9, waiting: 1).ShouldBeNull();
        WatchFor(Patience * 3, waiting: 1, isRead: false).ShouldBeNull();
        WatchFor(Patience * 0.9, waiting: 1).ShouldBeNull();
    }

    [Fact]
    public void The_time_for_which_the_process_was_stopped_does_not_count()
    {
        _deliveries.Begin(Queue);
        WatchFor(Patience * 0.5, waiting: 1).ShouldBeNull();
        _clock.Advance(Patience * 3);
        WatchFor(Patience * 0.4, waiting: 1).ShouldBeNull();
    }

    /// <summary>Looks as the guard does.</summary>
    private StuckQueue? WatchFor(TimeSpan time, uint waiting, bool isRead = true, bool isLane = false)
    {
        for (var watched = TimeSpan.Zero; watched < time; watched += Interval)
        {
            _clock.Advance(Interval);
            if (_watch.Look([new QueueState(Queue, isRead, waiting, isLane)]) is [var stuck])
            {
                return stuck;
            }
        }

        return null;
    }
}
