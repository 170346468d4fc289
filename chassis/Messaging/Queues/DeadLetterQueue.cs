namespace Chassis.Messaging.Queues;

/// <summary>
/// The quorum queue, and the exchange in front of it, where the broker puts what it gave up by itself: a message whose consumer died too often. The policies
/// in <c>deploy/rabbitmq/definitions.json</c> lead there by this name.
/// </summary>
internal static class DeadLetterQueue
{
    public static string NameFor(string service) => service + ".dead-letters";
}
