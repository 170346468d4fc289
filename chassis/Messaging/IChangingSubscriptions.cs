
namespace Chassis.Messaging;

/// <summary>What a queue of this service takes of the exchange that gets every boundary event, where that changes while the service runs.</summary>
public interface IChangingSubscriptions
{
    /// <summary>Whether the service is bound to everything that it always takes.</summary>
    bool OthersAreBound { get; }

    /// <summary>Takes events by these patterns. When this returns they are bound, and they stay so while the process runs.</summary>
    /// <param name="queue">A queue of this service.</param>
    /// <param name="patterns">Topic patterns over the wire names: <c>shop.order.#</c>.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="BrokerUnavailableException">The broker did not answer within five seconds, or refused.</exception>
    Task TakeAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct);

    /// <summary>Takes no more events by these patterns.</summary>
    /// <inheritdoc cref="TakeAsync"/>
    Task LeaveAsync(string queue, IReadOnlyCollection<string> patterns, CancellationToken ct);

    /// <summary>
    /// Whether events of a pattern that nobody takes count as taken: they go to an exchange that leads nowhere, instead of to <c>shop.unrouted</c>, where they
    /// would be looked at again and again.
    /// </summary>
    /// <param name="exchange">Its name, which begins with the service's.</param>
    /// <param name="pattern">Topic pattern over the wire names.</param>
    /// <param name="ignored">Whether they do.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="BrokerUnavailableException">The broker did not answer within five seconds, or refused.</exception>
    Task IgnoreAsync(string exchange, string pattern, bool ignored, CancellationToken ct);
}

public sealed class BrokerUnavailableException(Exception inner) : Exception("The message broker does not answer.", inner), IProblem
{
    public ProblemException ToProblem() => ProblemException.Unavailable("The message broker does not answer.");
}
