namespace Contracts.Generator;

/// <summary>Who listens to what, for the documents. A system test compares it with the bindings that the running services declare.</summary>
/// <param name="Service">The service.</param>
/// <param name="Queue">Its queue.</param>
/// <param name="Purpose">What it does with the events.</param>
/// <param name="Events">Wire names; <c>*</c> for all, by the topic exchange.</param>
public sealed record Subscription(string Service, string Queue, string Purpose, IReadOnlyList<string> Events)
{
    public bool Covers(string type) => Events.Contains("*") || Events.Contains(type);
}

/// <summary>A queue that takes commands.</summary>
/// <param name="Service">The service that owns the queue.</param>
/// <param name="Queue">The queue.</param>
/// <param name="Commands">The records, in the package.</param>
public sealed record CommandQueue(string Service, string Queue, IReadOnlyList<Type> Commands);

public static class Subscriptions
{
    public static IReadOnlyList<Subscription> All { get; } =
    [
        new("orders", "orders.fulfilment", "the fulfilment saga goes on", [
            "shop.shipment.dispatched.v1",
            "shop.stock.released.v1",
            "shop.stock.reservation-failed.v1",
            "shop.stock.reserved.v1",
        ]),
        new("orders", "orders.catalogue", "its own copy of products and of customers' status; a deactivated customer's open orders are cancelled", [
            "shop.product.added.v1",
            "shop.product.discontinued.v1",
            "shop.product.price-changed.v1",
            "shop.user.deactivated.v1",
            "shop.user.erased.v1",
            "shop.user.reactivated.v1",
            "shop.user.registered.v1",
        ]),
        new("orders", "orders.sessions", "tokens of sessions that have ended are refused", ["shop.user.session-ended.v1", "shop.user.sessions-ended.v1"]),
        new("inventory", "inventory.sessions", "tokens of sessions that have ended are refused", ["shop.user.session-ended.v1", "shop.user.sessions-ended.v1"]),
        new(
            "notifications",
            "notifications.sessions",
            "tokens of sessions that have ended are refused",
            ["shop.user.session-ended.v1", "shop.user.sessions-ended.v1"]),
        new("inventory", "inventory.erasures", "the addresses of an erased customer's parcels are removed", [
            "shop.user.erased.v1",
        ]),
        new("notifications", "notifications.contacts", "its own copy of the addresses", [
            "shop.user.deactivated.v1",
            "shop.user.email-changed.v1",
            "shop.user.email-verified.v1",
            "shop.user.erased.v1",
            "shop.user.profile-updated.v1",
            "shop.user.reactivated.v1",
            "shop.user.registered.v1",
        ]),
        new("notifications", "notifications.mails", "mails to customers and operators", [
            "shop.order.cancelled.v1",
            "shop.order.confirmed.v1",
            "shop.order.failed.v1",
            "shop.order.shipped.v1",
            "shop.stock.low.v1",
            "shop.user.deactivated.v1",
            "shop.user.email-changed.v1",
            "shop.user.registered.v1",
            "shop.user.sessions-ended.v1",
        ]),
        new("notifications", "notifications.webhooks", "webhooks to partners, by their wildcards", ["*"]),
    ];

    public static IReadOnlyList<CommandQueue> Commands { get; } =
    [
        new("inventory", Shop.Contracts.Queues.InventoryCommands, [
            typeof(Shop.Contracts.Inventory.V1.ReserveStock),
            typeof(Shop.Contracts.Inventory.V1.ReleaseStock),
            typeof(Shop.Contracts.Inventory.V1.ShipOrder),
        ]),
    ];
}
