namespace Chassis.Messaging.Operations;

/// <summary>A local copy that waits for the word of its owner; what the owner's replay needs to bring it (docs/how-to/resync-a-copy.md).</summary>
/// <param name="Owner">The service that has the truth: its <c>POST /v1/ops/boundary-events/replay</c> tells it again.</param>
/// <param name="Subject">What the copy is about, as it stands in the events.</param>
/// <param name="Destination">The queue to which the events are to be replayed.</param>
public sealed record ResyncedCopy(string Owner, string Subject, string Destination);
