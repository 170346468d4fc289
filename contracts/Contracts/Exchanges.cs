namespace Shop.Contracts;

/// <summary>Well-known exchanges. Beside these, every event type and version has a fanout exchange of its own name.</summary>
public static class Exchanges
{
    /// <summary>Topic exchange that every boundary event reaches with its type as routing key.</summary>
    public const string AllEvents = "shop.events";

    /// <summary>Fanout exchange that takes what <see cref="AllEvents"/> cannot route to any queue, so that it is seen.</summary>
    public const string Unrouted = "shop.unrouted";
}

/// <summary>The queues that take commands, one per recipient.</summary>
public static class Queues
{
    public const string InventoryCommands = "inventory.commands";
    public const string NotificationsCommands = "notifications.commands";
}
