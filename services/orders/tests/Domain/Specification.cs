using System.Text.Json;
using Orders.Domain;

namespace Orders.Tests.Domain;

/// <summary>Given these events, when this command, then these events or this refusal. No database, no bus, no mock.</summary>
public abstract class Specification
{
    protected static readonly Guid OrderId = Guid.Parse("01990000-0000-7000-8000-000000000001");
    protected static readonly Guid UserId = Guid.Parse("01990000-0000-7000-8000-000000000002");
    protected static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    protected static readonly Product Lamp = new("LAMP", "Lamp", Eur(19.99m));
    protected static readonly Product Desk = new("DESK", "Desk", Eur(249.00m));
    protected static readonly Address Home = new("Ada Lovelace", "1 Analytical Way", null, "London", "N1 9GU", "GB");
    protected static readonly Shipment Parcel = new(Guid.Parse("01990000-0000-7000-8000-000000000003"), "DHL", "JD0001");

    protected static OrderDrafted Drafted => new(OrderId, UserId, "EUR", Now);

    protected static ItemAdded Added(Product product, int quantity = 1) => new(OrderId, product.Sku, product.Name, quantity, product.UnitPrice, Now);

    protected static OrderEvent[] ADraft => [Drafted, Added(Lamp, 2)];

    protected static OrderEvent[] ASubmittedOrder =>
        [.. ADraft, new OrderSubmitted(OrderId, UserId, [Line(Lamp, 2)], Eur(39.98m), "pm_card_visa", Home, Now)];

    protected static OrderEvent[] AConfirmedOrder => [.. ASubmittedOrder, new OrderConfirmed(OrderId, UserId, [Line(Lamp, 2)], Eur(39.98m), Now)];

    protected static OrderEvent[] AShippedOrder => [.. AConfirmedOrder, new OrderShipped(OrderId, UserId, Parcel, Now)];

    protected static OrderEvent[] ACompletedOrder => [.. AShippedOrder, new OrderCompleted(OrderId, UserId, [Line(Lamp, 2)], Eur(39.98m), Now)];

    protected static OrderEvent[] ACancelledOrder => [.. ASubmittedOrder, new OrderCancelled(OrderId, UserId, "changed my mind", null, Now)];

    protected static OrderEvent[] AFailedOrder => [.. ASubmittedOrder, new OrderFailed(OrderId, UserId, "out_of_stock: LAMP", null, Now)];

    protected static Money Eur(decimal amount) => new(amount, "EUR");

    protected static OrderLine Line(Product product, int quantity) => new(product.Sku, product.Name, quantity, product.UnitPrice);

    protected static Submit SubmitWith(params Product[] catalogue) => new("pm_card_visa", Home, catalogue, new ChargeLimits(0.01m, 999_999.99m), Now);

    protected static Scenario Given(params OrderEvent[] events) => new(Order.Fold(events));

    protected sealed record Scenario(OrderState? State)
    {
        public Outcome When(OrderCommand command) => new(State, Order.Decide(State, command));
    }

    protected sealed record Outcome(OrderState? Before, Decision Decision)
    {
        public OrderState Then(params OrderEvent[] expected)
        {
            var accepted = Decision.ShouldBeOfType<Decision.Accepted>();
            Json(accepted.Events).ShouldBe(Json(expected));
            return accepted.Events.Aggregate(Before, Order.Evolve)!;
        }

        public void ThenRefused(OrderError error) => Decision.ShouldBe(new Decision.Refused(error));

        public void ThenNothingChanges() => Decision.ShouldBe(new Decision.Repeated());

        private static string Json(IEnumerable<OrderEvent> events) =>
            string.Join('\n', events.Select(e => $"{e.GetType().Name} {JsonSerializer.Serialize(e, e.GetType())}"));
    }
}
