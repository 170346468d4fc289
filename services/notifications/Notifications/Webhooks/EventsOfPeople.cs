using Shop.Contracts;

namespace Notifications.Webhooks;

/// <summary>
/// The events that tell of a person. What they say must not come back after the person's erasure; that they happened may be told, and the erasure itself
/// says nothing of whom it was.
/// </summary>
internal static class EventsOfPeople
{
    /// <summary>As <c>LIKE</c> reads it, as are the next two.</summary>
    public const string Pattern = Family + "%";

    /// <summary>The exception.</summary>
    public const string ErasedPattern = Erased + "%";

    /// <summary>Of an order, and with a reason that the customer may have typed.</summary>
    public const string CancelledPattern = ShopContracts.Namespace + ".order.cancelled.%";

    private const string Family = ShopContracts.Namespace + ".user.";
    private const string Erased = Family + "erased.";

    /// <summary>Whether an event tells of a person.</summary>
    public static bool Contain(string eventType) =>
        eventType.StartsWith(Family, StringComparison.Ordinal) && !eventType.StartsWith(Erased, StringComparison.Ordinal);
}
