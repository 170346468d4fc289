using Chassis.Messaging.Model;
namespace Chassis.Messaging.Queues;

/// <summary>What the broker says of a queue.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsRead">Whether it has a consumer, and this process believes in its own.</param>
/// <param name="Waiting">Messages in it that nobody has been given yet.</param>
/// <param name="IsLane">Whether another process may be the one that is given them.</param>
internal sealed record QueueState(string Name, bool IsRead, uint Waiting, bool IsLane = false);

/// <summary>A queue in which this process has settled nothing for too long.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="For">How long.</param>
/// <param name="InFlight">What this process has of it, oldest first.</param>
internal sealed record StuckQueue(QueueState Queue, TimeSpan For, IReadOnlyList<Delivery> InFlight);

/// <summary>
/// Tells work that stands still from work that is slow or not there. A queue has to have something to do at every look, and this process to settle none of it;
/// how much waits says nothing by itself, and whoever has a next try coming is only waiting.
/// </summary>
/// <param name="deliveries">What this process is working on.</param>
/// <param name="patience">How long a queue may stand still.</param>
/// <param name="longestStep">The most that the time between two looks counts for: while the process itself was stopped, nothing could move.</param>
/// <param name="clock">Measures.</param>
internal sealed class ProgressWatch(Deliveries deliveries, TimeSpan patience, TimeSpan longestStep, TimeProvider clock)
{
    private Dictionary<string, (long Settled, TimeSpan For)> _still = [];
    private long _looked = clock.GetTimestamp();

    public List<StuckQueue> Look(IEnumerable<QueueState> queues)
    {
        var now = clock.GetTimestamp();
        var passed = clock.GetElapsedTime(_looked, now);
        var step = passed < longestStep ? passed : longestStep;
        _looked = now;
        var still = new Dictionary<string, (long Settled, TimeSpan For)>();
        var stuck = new List<StuckQueue>();
        foreach (var queue in queues.Where(q => q.IsRead))
        {
            var settled = deliveries.Settled(queue.Name);
            var inFlight = deliveries.InFlight(queue.Name);
            if (((queue.Waiting == 0 || queue.IsLane) && inFlight.Count == 0) || inFlight.Exists(d => d.Stage == Stage.Pause))
            {
                continue;
            }

            var stands = _still.TryGetValue(queue.Name, out var before) && before.Settled == settled ? before.For + step : TimeSpan.Zero;
            still[queue.Name] = (settled, stands);
            if (stands >= patience)
            {
                stuck.Add(new StuckQueue(queue, stands, inFlight));
            }
        }

        _still = still;
        return stuck;
    }
}
