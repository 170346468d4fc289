using System.Collections.Frozen;
using Contracts.Events;

namespace Chassis.Messaging.Queues;

/// <summary>
/// A queue that keeps the order of each key over all replicas. Its name is that of an exchange, which leads to one that hashes the key, and that to the
/// exchange of a lane: a lane is a queue with a single active consumer. Between the hash and a queue stands an exchange, so that the keys keep their lanes when
/// a queue is deleted and made again. ADR: docs/adr/0047-ordered-lanes.md.
/// </summary>
/// <param name="Name">What others send to and are bound to.</param>
/// <param name="Count">How many lanes get messages.</param>
/// <param name="Formerly">How many an earlier version had: those beyond are read until they are empty.</param>
/// <param name="Consumer">Who reads them.</param>
internal sealed record OrderedQueue(string Name, int Count, int Formerly, Type Consumer)
{
    public const int MostLanes = 64;

    /// <summary>Where the key of a message stands: of events by their contract, of commands because the relay puts it there.</summary>
    public const string KeyHeader = CloudEventHeaders.Subject;

    public string Hash => Name + ".lanes";

    public int Read => Math.Max(Count, Formerly);

    public IEnumerable<string> Lanes => Enumerable.Range(1, Read).Select(LaneOf);

    public string LaneOf(int number) => $"{Name}.{number}";
}

/// <summary>The lanes of this service.</summary>
internal sealed class Lanes(IEnumerable<OrderedQueue> queues)
{
    private readonly FrozenDictionary<string, OrderedQueue> _lanes =
        queues.SelectMany(queue => queue.Lanes.Select(lane => KeyValuePair.Create(lane, queue))).ToFrozenDictionary();

    public IReadOnlyList<OrderedQueue> Queues { get; } = [.. queues];

    public bool IsLane(string queue) => _lanes.ContainsKey(queue);

    /// <summary>The queue that a lane is part of; any other queue is its own. What is to be found when the number of lanes has changed is called so.</summary>
    public string NameOf(string queue) => _lanes.TryGetValue(queue, out var ordered) ? ordered.Name : queue;
}
