namespace Contracts.Generator;

/// <summary>A queue that takes commands, for the documents.</summary>
/// <param name="Service">The service that owns the queue.</param>
/// <param name="Queue">The queue.</param>
/// <param name="Commands">The records, in the package.</param>
public sealed record CommandQueue(string Service, string Queue, IReadOnlyList<Type> Commands)
{
    public static IReadOnlyList<CommandQueue> All { get; } =
    [
        new("inventory", Shop.Contracts.Queues.InventoryCommands, [
            typeof(Shop.Contracts.Inventory.V1.ReserveStock),
            typeof(Shop.Contracts.Inventory.V1.ReleaseStock),
            typeof(Shop.Contracts.Inventory.V1.ShipOrder),
        ]),
    ];
}
