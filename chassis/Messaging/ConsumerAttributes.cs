namespace Chassis.Messaging;

/// <summary>
/// The consumer gets no inbox row and no transaction: it calls somebody else for seconds and saves its outcome in its own short transaction.
/// It has to be idempotent by itself. What it publishes through the injected <c>IPublishEndpoint</c> or <c>ISendEndpointProvider</c> leaves when it saves.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class OwnTransactionAttribute : Attribute;

/// <summary>
/// Boundary events that an earlier version of the consumer or state machine took: its queue is unbound from them, and what still comes by it, or in a replay,
/// is dropped.
/// </summary>
/// <param name="events">Records with <c>[BoundaryEvent]</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NoLongerTakesAttribute(params Type[] events) : Attribute
{
    public IReadOnlyList<Type> Events { get; } = events;
}
