using System.Text.Json.Nodes;
using Chassis.EventSourcing;
using Orders.Domain;

namespace Orders;

/// <summary>Under which names the events of orders are stored. The names are fixed for ever.</summary>
internal static class OrderEventTypes
{
    public const string Submitted = "order.submitted";

    public static void Configure(EventTypeMapBuilder events)
    {
        events.Add<OrderDrafted>("order.drafted");
        events.Add<ItemAdded>("order.item-added", version: 2).Upcast(from: 1, PriceGetsItsCurrency);
        events.Add<ItemRemoved>("order.item-removed");
        events.Add<OrderSubmitted>(Submitted).Personal(nameof(OrderSubmitted.ShippingAddress));
        events.Add<OrderCancellationRequested>("order.cancellation-requested").Personal(nameof(OrderCancellationRequested.Reason));
        events.Add<OrderConfirmed>("order.confirmed");
        events.Add<OrderShipped>("order.shipped");
        events.Add<OrderCompleted>("order.completed");
        events.Add<OrderCancelled>("order.cancelled").Personal(nameof(OrderCancelled.Reason));
        events.Add<OrderFailed>("order.failed");
    }

    /// <summary>Version 1 knew euros only: <c>"price": "19.99"</c> became <c>"unitPrice": {"amount": "19.99", "currency": "EUR"}</c>.</summary>
    private static JsonObject PriceGetsItsCurrency(JsonObject payload)
    {
        var amount = payload["price"]!.GetValue<string>();
        payload.Remove("price");
        payload["unitPrice"] = new JsonObject { ["amount"] = amount, ["currency"] = "EUR" };
        return payload;
    }
}
