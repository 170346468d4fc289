using Notifications.Templating;
using Shop.Contracts;
using Model = System.Collections.Generic.Dictionary<string, object?>;

namespace Notifications.Mails;

/// <summary>A kind of mail that the service sends.</summary>
/// <param name="Name">Name of its files, and in the list of notifications.</param>
/// <param name="IsSecurity">Whether it tells the owner of an account what happened to it: such a mail cannot be switched off.</param>
/// <param name="Sample">A model with every value that the templates may use, those included that may be missing.</param>
public sealed record MailTemplate(string Name, bool IsSecurity, Func<Language, IReadOnlyDictionary<string, object?>> Sample)
{
    public const string Welcome = "welcome";
    public const string EmailChanged = "email-changed";
    public const string AccountDeactivated = "account-deactivated";
    public const string OrderConfirmation = "order-confirmation";
    public const string OrderShipped = "order-shipped";
    public const string OrderCancelled = "order-cancelled";
    public const string OrderFailed = "order-failed";
    public const string LowStock = "low-stock";
    public const string WebhookDisabled = "webhook-disabled";

    private static readonly DateTimeOffset SampleTime = new(2026, 3, 14, 9, 26, 0, TimeSpan.Zero);

    public static IReadOnlyList<MailTemplate> All { get; } =
    [
        new(Welcome, false, _ => new Model { ["name"] = "Ada Lovelace", ["email"] = "ada@example.org" }),
        new(EmailChanged, true, l => new Model
        {
            ["name"] = "Ada Lovelace",
            ["oldEmail"] = "ada@example.org",
            ["newEmail"] = "lovelace@example.org",
            ["toPrevious"] = true,
            ["changedAt"] = l.Write(SampleTime),
        }),
        new(AccountDeactivated, true, l => new Model { ["name"] = "Ada Lovelace", ["reason"] = "On request", ["deactivatedAt"] = l.Write(SampleTime) }),
        new(OrderConfirmation, false, l => Order(new Model
        {
            ["confirmedAt"] = l.Write(SampleTime),
            ["total"] = l.Write(new Money(1263.48m, "EUR")),
            ["lines"] = new Model[]
            {
                Line("NOTEBOOK-14", "Notebook 14\"", 1, l.Write(new Money(1199m, "EUR")), l.Write(new Money(1199m, "EUR"))),
                Line("SLEEVE-GREY", "Sleeve, grey", 2, l.Write(new Money(32.24m, "EUR")), l.Write(new Money(64.48m, "EUR"))),
            },
        })),
        new(OrderShipped, false, l => Order(new Model
        {
            ["carrier"] = "DHL",
            ["trackingNumber"] = "00340434161094042557",
            ["trackingUrl"] = "https://tracking.example/00340434161094042557",
            ["shippedAt"] = l.Write(SampleTime),
        })),
        new(OrderCancelled, false, l => Order(new Model
        {
            ["reason"] = "Changed my mind",
            ["refunded"] = l.Write(new Money(1263.48m, "EUR")),
            ["cancelledAt"] = l.Write(SampleTime),
        })),
        new(OrderFailed, false, l => Order(new Model
        {
            ["outOfStock"] = false,
            ["paymentDeclined"] = true,
            ["otherReason"] = false,
            ["refunded"] = l.Write(new Money(1263.48m, "EUR")),
            ["failedAt"] = l.Write(SampleTime),
        })),
        new(LowStock, false, l => new Model { ["sku"] = "NOTEBOOK-14", ["available"] = 3, ["reorderPoint"] = 5, ["detectedAt"] = l.Write(SampleTime) }),
        new(WebhookDisabled, false, l => new Model
        {
            ["webhookId"] = "0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11",
            ["url"] = "https://partner.example/hooks",
            ["host"] = "partner.example",
            ["reason"] = "410 Gone",
            ["disabledAt"] = l.Write(SampleTime),
        }),
    ];

    /// <summary>Templates for customers, which preferences speak of.</summary>
    public static IEnumerable<MailTemplate> ForCustomers => All.Where(t => t.Name is not (LowStock or WebhookDisabled));

    public static MailTemplate Named(string name) => All.First(t => t.Name == name);

    private static Model Line(string sku, string product, int quantity, string unitPrice, string lineTotal) => new()
    {
        ["sku"] = sku,
        ["product"] = product,
        ["quantity"] = quantity,
        ["unitPrice"] = unitPrice,
        ["lineTotal"] = lineTotal,
    };

    private static Model Order(Model model) => new(model)
    {
        ["name"] = "Ada Lovelace",
        ["orderId"] = "0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11",
        ["orderNumber"] = "6F9F-4C11",
        ["orderUrl"] = "https://shop.example/orders/0199c3a4-7c1e-7d2a-b6a5-6f0d6f9f4c11",
    };
}
