namespace Chassis.Messaging.Wire;

/// <summary>
/// Where a message goes on the broker. Every receive endpoint has an exchange of its queue's name, and that is what is published to: the default
/// exchange leads to every queue of the broker, so nobody has the right to write to it.
/// </summary>
internal static class Destination
{
    /// <summary>The exchange that <c>queue:x</c>, <c>exchange:x</c> or one of the transport's full addresses means.</summary>
    public static string ExchangeOf(Uri? address)
    {
        if (address is null)
        {
            throw new InvalidOperationException("The message has no destination address.");
        }

        var path = address.AbsolutePath;
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }
}
