namespace Chassis;

/// <summary>How an event bus is doing.</summary>
/// <param name="IsUp">Whether what is published now reaches everybody who has subscribed, in the other replicas too where the bus goes there.</param>
/// <param name="Published">Events that were handed over since the start.</param>
/// <param name="Received">Events that came, whether or not anybody had subscribed to their topic.</param>
/// <param name="Lost">Events that were published while there was no way to the others.</param>
/// <param name="Failed">Calls of handlers that threw; the event counts as received.</param>
/// <param name="LastError">Type of the last such exception, or what keeps the bus from being up; null when there was none.</param>
public sealed record EventBusHealth(bool IsUp, long Published, long Received, long Lost, long Failed, string? LastError);

/// <summary>
/// Tells what has happened to whoever has subscribed at that moment, in every replica of the service: at most once, in the order in which one process has
/// published on one topic, and stored nowhere. It is for what somebody would find out anyway, a little later, by looking: whoever subscribes looks now and then
/// whatever the bus says. What must not be lost is a boundary event or a command, and goes through the outbox.
/// </summary>
public interface IEventBus
{
    /// <summary>Whether it reaches other processes; otherwise only this one.</summary>
    bool IsShared { get; }

    EventBusHealth Health { get; }

    /// <summary>Begins to connect, and does not wait for it: a service starts while the server is away.</summary>
    Task StartAsync(CancellationToken ct);

    /// <summary>Whoever has subscribed hears nothing any more.</summary>
    Task StopAsync(CancellationToken ct);

    /// <summary>Hands an event over. Neither waits nor fails: it is called after commits, while somebody waits for the answer.</summary>
    /// <param name="topic">Lower-case words, separated by dots; of this service alone.</param>
    /// <param name="body">A few dozen bytes, with nothing personal in them.</param>
    void Publish(string topic, ReadOnlyMemory<byte> body);

    /// <summary>Subscribes, before or after the start.</summary>
    /// <param name="topic">As it is published.</param>
    /// <param name="handler">Is called for one event after the other, does not wait, and throws to nobody's harm but its own.</param>
    /// <returns>Unsubscribes when disposed.</returns>
    IDisposable Subscribe(string topic, Action<ReadOnlyMemory<byte>> handler);
}
