using MassTransit;

namespace Chassis.Messaging.Model;

/// <summary>Where a message is on its way through this process.</summary>
internal enum Stage
{
    /// <summary>It is being read.</summary>
    Reading,

    /// <summary>It waits for a connection to the database and a transaction.</summary>
    Transaction,

    /// <summary>It waits for its inbox row, which another delivery of it may be about to write.</summary>
    Inbox,

    /// <summary>Its consumer is at work.</summary>
    Consumer,

    /// <summary>The consumer is through, its transaction is not.</summary>
    Commit,

    /// <summary>A try failed, because the database is away or for another reason, and the next one is due after a pause.</summary>
    Pause,

    /// <summary>No further try in memory: it is put back for later, written to the dead letters or handed back to the broker.</summary>
    GivenUp,

    /// <summary>It is done with, and the broker is being told.</summary>
    Acknowledgement,
}

/// <summary>A message that the broker has handed to this process and that it has not settled yet.</summary>
/// <param name="queue">Where it comes from.</param>
/// <param name="since">Timestamp of its arrival, of the tracker's clock.</param>
internal sealed class Delivery(string queue, long since)
{
    public string Queue { get; } = queue;

    public long Since { get; } = since;

    /// <summary>Empty until the message is read, as is the type.</summary>
    public string MessageId { get; private set; } = string.Empty;

    public string MessageType { get; private set; } = string.Empty;

    public Stage Stage { get; set; }

    public void Read(string? messageId, string messageType) => (MessageId, MessageType, Stage) = (messageId ?? string.Empty, messageType, Stage.Consumer);
}

internal static class DeliveryExtensions
{
    /// <summary>Notes how far the message has come.</summary>
    public static void Reach(this PipeContext context, Stage stage)
    {
        if (context.TryGetPayload<Delivery>(out var delivery))
        {
            delivery.Stage = stage;
        }
    }
}
