using System.Text.Json;
using Microsoft.Extensions.Options;
using Notifications.Templating;
using Notifications.Webhooks;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Orders.V1;
using Shop.Contracts.Users.V1;
using Model = System.Collections.Generic.Dictionary<string, object?>;

namespace Notifications.Mails;

/// <summary>Turns an event's data into what its template shows.</summary>
public sealed class MailContent(MailTemplates templates, IOptions<MailOptions> options)
{
    public RenderedMail Write(string template, string audience, string data, string? name, string? locale)
    {
        var language = templates.LanguageOf(locale);
        var model = template switch
        {
            MailTemplate.Welcome => Of(Read<UserRegistered>(data)),
            MailTemplate.EmailChanged => Of(Read<UserEmailChanged>(data), audience, language),
            MailTemplate.AccountDeactivated => Of(Read<UserDeactivated>(data), language),
            MailTemplate.OrderConfirmation => Of(Read<OrderConfirmed>(data), language),
            MailTemplate.OrderShipped => Of(Read<OrderShipped>(data), language),
            MailTemplate.OrderCancelled => Of(Read<OrderCancelled>(data), language),
            MailTemplate.OrderFailed => Of(Read<OrderFailed>(data), language),
            MailTemplate.LowStock => Of(Read<StockLow>(data), language),
            MailTemplate.WebhookDisabled => Of(Read<WebhookDisabled>(data), language),
            _ => throw new ArgumentOutOfRangeException(nameof(template), template, "There is no such template."),
        };
        model.TryAdd("name", name ?? "");
        return templates.Render(template, locale, model, options.Value);
    }

    private static T Read<T>(string data) => JsonSerializer.Deserialize<T>(data, ContractJson.Options)!;

    private static Model Of(UserRegistered user) => new() { ["email"] = user.Email };

    private static Model Of(UserEmailChanged change, string audience, Language language) => new()
    {
        ["oldEmail"] = change.OldEmail,
        ["newEmail"] = change.NewEmail,
        ["changedAt"] = language.Write(change.ChangedAt),
        ["toPrevious"] = audience == Audiences.PreviousAddress,
    };

    private static Model Of(UserDeactivated user, Language language) => new()
    {
        ["reason"] = user.Reason,
        ["deactivatedAt"] = language.Write(user.DeactivatedAt),
    };

    private static Model Of(StockLow stock, Language language) => new()
    {
        ["sku"] = stock.Sku,
        ["available"] = stock.Available,
        ["reorderPoint"] = stock.ReorderPoint,
        ["detectedAt"] = language.Write(stock.DetectedAt),
    };

    private static Model Of(WebhookDisabled webhook, Language language) => new()
    {
        ["webhookId"] = webhook.WebhookId,
        ["url"] = webhook.Url,
        ["host"] = new Uri(webhook.Url).Host,
        ["reason"] = webhook.Reason,
        ["disabledAt"] = language.Write(webhook.DisabledAt),
    };

    private Model Of(OrderConfirmed order, Language language) => new(Order(order.OrderId))
    {
        ["confirmedAt"] = language.Write(order.ConfirmedAt),
        ["total"] = language.Write(order.Total),
        ["lines"] = order.Items.Select(line => new Model
        {
            ["sku"] = line.Sku,
            ["product"] = line.Name,
            ["quantity"] = line.Quantity,
            ["unitPrice"] = language.Write(line.UnitPrice),
            ["lineTotal"] = language.Write(line.UnitPrice with { Amount = line.UnitPrice.Amount * line.Quantity }),
        }).ToArray(),
    };

    private Model Of(OrderShipped order, Language language) => new(Order(order.OrderId))
    {
        ["carrier"] = order.Carrier,
        ["trackingNumber"] = order.TrackingNumber,
        ["trackingUrl"] = options.Value.TrackingUrls.TryGetValue(order.Carrier.ToLowerInvariant(), out var url)
            ? url.Replace("{trackingNumber}", Uri.EscapeDataString(order.TrackingNumber), StringComparison.Ordinal)
            : null,
        ["shippedAt"] = language.Write(order.ShippedAt),
    };

    private Model Of(OrderCancelled order, Language language) => new(Order(order.OrderId))
    {
        ["reason"] = order.Reason,
        ["refunded"] = order.Refunded is { } refunded ? language.Write(refunded) : null,
        ["cancelledAt"] = language.Write(order.CancelledAt),
    };

    private Model Of(OrderFailed order, Language language)
    {
        var outOfStock = order.Reason.StartsWith("out_of_stock", StringComparison.Ordinal);
        var declined = order.Reason.StartsWith("payment_declined", StringComparison.Ordinal);
        return new(Order(order.OrderId))
        {
            ["outOfStock"] = outOfStock,
            ["paymentDeclined"] = declined,
            ["otherReason"] = !outOfStock && !declined,
            ["refunded"] = order.Refunded is { } refunded ? language.Write(refunded) : null,
            ["failedAt"] = language.Write(order.FailedAt),
        };
    }

    private Model Order(Guid id)
    {
        // The end of a UUIDv7 is its random part: short, and unlike the beginning different for orders of the same minute.
        var end = id.ToString("N")[^8..].ToUpperInvariant();
        return new()
        {
            ["orderId"] = id,
            ["orderNumber"] = $"{end[..4]}-{end[4..]}",
            ["orderUrl"] = $"{options.Value.ShopUrl.ToString().TrimEnd('/')}/orders/{id}",
        };
    }
}
