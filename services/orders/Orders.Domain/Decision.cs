using System.Globalization;

namespace Orders.Domain;

/// <summary>What an order answers to a command.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>These happened.</summary>
    public sealed record Accepted(IReadOnlyList<OrderEvent> Events) : Decision;

    /// <summary>The same had happened before: nothing changes, and whoever asked may have the first answer again.</summary>
    public sealed record Repeated : Decision;

    /// <summary>It may not happen, for this reason.</summary>
    public sealed record Refused(OrderError Error) : Decision;
}

/// <param name="Code">Stable, for programs.</param>
/// <param name="Message">For people.</param>
public sealed record OrderError(string Code, string Message);

/// <summary>Every reason for which an order refuses a command.</summary>
public static class OrderErrors
{
    public static readonly OrderError NotFound = new("order_not_found", "There is no such order.");
    public static readonly OrderError AlreadyExists = new("order_exists", "The order exists already.");
    public static readonly OrderError NotDraft = new("order_not_draft", "Only a draft can be changed.");
    public static readonly OrderError AlreadySubmitted = new("order_already_submitted", "The order was submitted before.");
    public static readonly OrderError Empty = new("order_empty", "An order without items cannot be submitted.");
    public static readonly OrderError TooManyLines = new("too_many_lines", "An order has at most 100 lines.");
    public static readonly OrderError QuantityOutOfRange = new("quantity_out_of_range", "The quantity of a line is 1 to 10,000.");
    public static readonly OrderError CurrencyMismatch = new("currency_mismatch", "All items of an order are in one currency.");
    public static readonly OrderError NoSuchItem = new("item_not_found", "The order has no line with this sku.");
    public static readonly OrderError ProductNotSold = new("product_not_sold", "A product of this order is not sold any more: remove it first.");
    public static readonly OrderError TotalNotChargeable = new(
        "total_not_chargeable", "The total cannot be charged to the last digit in the order's currency, and is never rounded: change the items.");
    public static readonly OrderError TotalTooLarge = new("total_too_large", "The total is more than can be paid at once: make several orders of it.");

    /// <summary>The customer has seen another sum than the order would cost now.</summary>
    public static OrderError PriceChanged(Money expected, Money total) => new(
        "price_changed",
        string.Create(
            CultureInfo.InvariantCulture,
            $"The order costs {total.Amount} {total.Currency} now, and {expected.Amount} {expected.Currency} was expected. Nothing was ordered."));

    public static readonly OrderError NotSubmitted = new("order_not_submitted", "The order was not submitted yet.");
    public static readonly OrderError NotConfirmed = new("order_not_confirmed", "The order was not confirmed yet.");
    public static readonly OrderError NotShipped = new("order_not_shipped", "The order was not shipped yet.");
    public static readonly OrderError OtherShipment = new("other_shipment", "The order was shipped with another shipment.");
    public static readonly OrderError AlreadyShipped = new("order_already_shipped", "The order was shipped: it cannot be cancelled any more.");
    public static readonly OrderError AlreadyCompleted = new("order_already_completed", "The order is completed.");
    public static readonly OrderError AlreadyCancelled = new("order_already_cancelled", "The order is cancelled.");
    public static readonly OrderError AlreadyFailed = new("order_already_failed", "The order has failed.");
}
