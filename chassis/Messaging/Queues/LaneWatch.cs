namespace Chassis.Messaging.Queues;

/// <summary>
/// Finds the lanes that this process had better read by another channel: RabbitMQ 3 may forget a consumer whose queue is deleted without telling it. ADR:
/// docs/adr/0047-ordered-lanes.md.
/// </summary>
/// <param name="deliveries">What this process is working on.</param>
/// <param name="patience">How long it may get nothing of a lane that others have consumers of as well.</param>
/// <param name="longestStep">As in <see cref="ProgressWatch"/>.</param>
/// <param name="clock">Measures.</param>
internal sealed class LaneWatch(Deliveries deliveries, TimeSpan patience, TimeSpan longestStep, TimeProvider clock)
{
    private ProgressWatch _standBys = new(deliveries, patience, longestStep, clock);
    private HashSet<string> _unread = [];

    public List<string> Look(IReadOnlyCollection<QueueState> queues)
    {
        // The transport believes in its consumer and the broker has none: seen once, that may be one on its way.
        var unread = queues.Where(q => q is { IsLane: true, IsRead: false }).Select(q => q.Name).ToHashSet();
        List<string> forgotten = [.. unread.Intersect(_unread).Where(lane => deliveries.InFlight(lane).Count == 0)];
        _unread = [.. unread.Except(forgotten)];

        // Whether it stands by or is forgotten, nobody tells; in either case it may queue up once more.
        if (_standBys.Look(queues.Where(q => q.IsLane).Select(q => q with { IsLane = false })) is { Count: > 0 } waiting)
        {
            forgotten.AddRange(waiting.Where(w => w.InFlight.Count == 0).Select(w => w.Queue.Name));
            _standBys = new ProgressWatch(deliveries, patience, longestStep, clock);
        }

        return forgotten;
    }
}
