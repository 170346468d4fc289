namespace Shop.Contracts;

/// <summary>The queues that take commands, one per recipient.</summary>
public static class Queues
{
    public const string InventoryCommands = "inventory.commands";
    public const string NotificationsCommands = "notifications.commands";
}
