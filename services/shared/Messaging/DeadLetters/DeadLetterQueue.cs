namespace Chassis.Messaging.DeadLetters;

/// <summary>The quorum queue, and the exchange in front of it, where the broker puts what it gave up by itself: a message whose consumer died too often.</summary>
internal static class DeadLetterQueue
{
    public static string NameFor(string service) => service + ".dead-letters";
}
