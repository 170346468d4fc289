namespace Contracts.Events;

/// <summary>The exchanges of a system that carry no type of event. Beside these, every event type and version has a fanout exchange of its own name.</summary>
/// <param name="Namespace">See <see cref="EventNamespaceAttribute"/>.</param>
public sealed record EventExchanges(string Namespace)
{
    /// <summary>Topic exchange that every boundary event reaches with its type as routing key.</summary>
    public string AllEvents { get; } = Namespace + ".events";

    /// <summary>Fanout exchange that takes what <see cref="AllEvents"/> cannot route to any queue, so that it is seen; and the queue behind it.</summary>
    public string Unrouted { get; } = Namespace + ".unrouted";

    /// <summary>Replayed events of every service go there, and from there to the one queue that is named. Services bind their queues to it.</summary>
    public string Replay { get; } = Namespace + ".replay";

    /// <summary>
    /// Leads to the exchange of each event. The broker puts there what a service rejects among the unrouted ones, as it was and under the account that had sent
    /// it; nobody may write there.
    /// </summary>
    public string Returned { get; } = Namespace + ".returned";
}
