using Contracts.Events;

[assembly: EventNamespace("shop")]

namespace Shop.Contracts;

/// <summary>What the records of this package add up to.</summary>
public static class ShopContracts
{
    /// <summary>Every boundary event and command of the shop.</summary>
    public static EventCatalogue Catalogue { get; } = EventCatalogue.From(typeof(ShopContracts).Assembly);

    /// <summary>The shop's well-known exchanges: <c>shop.events</c> and others.</summary>
    public static EventExchanges Exchanges => Catalogue.Exchanges;
}
