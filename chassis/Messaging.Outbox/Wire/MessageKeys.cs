using Contracts.Events;
using MassTransit;

namespace Chassis.Messaging.Wire;

/// <summary>Names that messages carry beside the CloudEvents attributes, and ids that are derived from others.</summary>
internal static class MessageKeys
{
    /// <summary>Names one replay from the archive; the inbox tells a replayed event from the first delivery by it.</summary>
    public const string ReplayId = CloudEventHeaders.Prefix + "replayid";

    /// <summary>How often a message was put back for later, on the wire.</summary>
    public const string Redeliveries = "x-redelivery-count";

    /// <summary>
    /// On what a service has put back into its own queue, the account that it came from first; empty when nobody had signed it. Believed of the service's own
    /// account only.
    /// </summary>
    public const string SentBy = "x-sent-by";

    /// <summary>On a dead letter that an operator has sent again: what becomes of it is written down.</summary>
    public const string Resent = "x-resent";

    /// <summary>User on whose behalf a command is sent; inside the service's own network only, never on a boundary event.</summary>
    public const string UserId = "x-user-id";

    public const string EventContentType = "application/json";

    public const string CommandContentType = "application/vnd.masstransit+json";

    /// <summary>
    /// The id of a message as a UUID: itself when it is one, else one that follows from it, so that events of other systems can be told apart too.
    /// </summary>
    public static Guid ToGuid(string source, string id) => Guid.TryParse(id, out var guid) ? guid : Derive(source + "\n" + id);

    /// <summary>What the inbox remembers: the id under which the message was sent first; for a replay that and the replay's id.</summary>
    public static Guid InboxKey(ConsumeContext context)
    {
        var id = context.GetOriginalMessageId() ?? throw new InvalidMessageException("The message has no id.");
        return context.Headers.Get<string>(ReplayId) is { } replay ? Derive(id + "\n" + replay) : id;
    }

    /// <summary>The same of a message that nobody consumes just now; null when it has no id.</summary>
    public static Guid? InboxKey(IncomingMessage message) =>
        (message.Headers.Get<Guid>(MassTransit.MessageHeaders.OriginalMessageId) ?? message.MessageId) is not { } id ? null
        : message.Headers.Get<string>(ReplayId) is { } replay ? Derive(id + "\n" + replay)
        : id;

    public static Guid Derive(string text)
    {
        Span<byte> hash = stackalloc byte[32];
        System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text), hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}
