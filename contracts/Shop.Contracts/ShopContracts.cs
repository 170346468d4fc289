using Contracts.Events;

[assembly: EventNamespace(Shop.Contracts.ShopContracts.Namespace)]

namespace Shop.Contracts;

/// <summary>What the records of this package add up to.</summary>
public static class ShopContracts
{
    /// <summary>The word with which the system's names begin: those of events and exchanges, <c>urn:shop:</c>, and every pattern over them.</summary>
    public const string Namespace = "shop";

    /// <summary>Every boundary event and command of the shop.</summary>
    public static EventCatalogue Catalogue { get; } = EventCatalogue.From(typeof(ShopContracts).Assembly);

    /// <summary>The shop's well-known exchanges: <c>shop.events</c> and others.</summary>
    public static EventExchanges Exchanges => Catalogue.Exchanges;
}
