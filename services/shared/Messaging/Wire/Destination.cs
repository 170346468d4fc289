namespace Chassis.Messaging.Wire;

/// <summary>Where a message goes on the broker.</summary>
/// <param name="Exchange">Empty for the default exchange.</param>
/// <param name="RoutingKey">The queue when the exchange is the default one.</param>
internal readonly record struct Destination(string Exchange, string RoutingKey)
{
    /// <summary>Reads <c>queue:x</c>, <c>exchange:x</c> and the transport's full addresses.</summary>
    public static Destination Parse(Uri? address)
    {
        if (address is null)
        {
            throw new InvalidOperationException("The message has no destination address.");
        }

        if (address.Scheme == "queue")
        {
            return new Destination(string.Empty, address.AbsolutePath);
        }

        var path = address.AbsolutePath;
        var name = Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
        return address.Query.Contains("bind=true", StringComparison.OrdinalIgnoreCase) ? new Destination(string.Empty, name) : new Destination(name, string.Empty);
    }
}
