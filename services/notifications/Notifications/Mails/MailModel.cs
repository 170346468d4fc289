using Notifications.Webhooks;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;

namespace Notifications.Mails;

/// <summary>What the template of an event is given.</summary>
internal static class MailModel
{
    /// <summary>The values that the templates of an event may use, under these names in camel case; the language writes amounts and dates.</summary>
    public static object Of(object @event, string audience, string name, MailOptions options) => @event switch
    {
        UserRegistered e => new { name, e.Email },
        UserEmailChanged e => new { name, e.OldEmail, e.NewEmail, e.ChangedAt, ToPrevious = audience == Audiences.PreviousAddress },
        UserSessionsEnded e => new { name, e.EndedAt },
        SendAccountLink e => new { name, e.Email, e.Link },
        UserDeactivated e => new { name, e.Reason, e.DeactivatedAt },
        StockLow e => new { e.Sku, e.Available, e.ReorderPoint, e.DetectedAt },
        WebhookDisabled e => new { e.WebhookId, e.Url, new Uri(e.Url).Host, e.Reason, e.DisabledAt },
        OrderConfirmed e => new
        {
            name, e.OrderId, OrderNumber = Number(e.OrderId), OrderUrl = Url(e.OrderId, options), e.ConfirmedAt, e.Total,
            Lines = e.Items.Select(i => new
            {
                i.Sku, Product = i.Name, i.Quantity, i.UnitPrice, LineTotal = i.UnitPrice with { Amount = i.UnitPrice.Amount * i.Quantity },
            }).ToArray(),
        },
        OrderShipped e => new
        {
            name, e.OrderId, OrderNumber = Number(e.OrderId), OrderUrl = Url(e.OrderId, options), e.ShippedAt, e.Carrier, e.TrackingNumber,
            TrackingUrl = options.TrackingUrls.GetValueOrDefault(e.Carrier.ToLowerInvariant())
                ?.Replace("{trackingNumber}", Uri.EscapeDataString(e.TrackingNumber), StringComparison.Ordinal),
        },
        OrderCancelled e => new { name, e.OrderId, OrderNumber = Number(e.OrderId), OrderUrl = Url(e.OrderId, options), e.CancelledAt, e.Reason, e.Refunded },
        OrderFailed e => new
        {
            name, e.OrderId, OrderNumber = Number(e.OrderId), OrderUrl = Url(e.OrderId, options), e.FailedAt, e.Refunded,
            OutOfStock = HasCause(e, "out_of_stock"), PaymentDeclined = HasCause(e, "payment_declined"),
            OtherReason = !HasCause(e, "out_of_stock") && !HasCause(e, "payment_declined"),
        },
        _ => throw new ArgumentOutOfRangeException(nameof(@event), @event, "There is no mail for such an event."),
    };

    private static bool HasCause(OrderFailed order, string cause) => order.Reason.StartsWith(cause, StringComparison.Ordinal);

    // The end of a UUIDv7 is its random part: short, and unlike the beginning different for orders of the same minute.
    private static string Number(Guid order) => order.ToString("N")[^8..].ToUpperInvariant().Insert(4, "-");

    private static string Url(Guid order, MailOptions options) => $"{options.ShopUrl.ToString().TrimEnd('/')}/orders/{order}";
}
