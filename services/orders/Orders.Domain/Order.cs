using static Orders.Domain.OrderErrors;
using static Orders.Domain.OrderStatus;

namespace Orders.Domain;

/// <summary>The rules of an order, as two pure functions: what a command does to a state, and what an event makes of it.</summary>
public static class Order
{
    public const int MaxLines = 100;
    public const int MinQuantity = 1;
    public const int MaxQuantity = 10_000;

    /// <summary>Folds a whole stream.</summary>
    public static OrderState? Fold(IEnumerable<OrderEvent> events) => events.Aggregate((OrderState?)null, Evolve);

    /// <param name="state">The order, or null when there is none yet.</param>
    /// <param name="command">What is wanted.</param>
    public static Decision Decide(OrderState? state, OrderCommand command) => (state, command) switch
    {
        (null, Draft c) => Accept(new OrderDrafted(c.OrderId, c.UserId, c.Currency, c.At)),
        (null, _) => Refuse(NotFound),
        (_, Draft) => Refuse(AlreadyExists),
        (_, AddItem c) => Add(state, c),
        (_, RemoveItem c) => Remove(state, c),
        (_, Submit c) => Place(state, c),
        (_, RequestCancellation c) => AskToCancel(state, c),
        (_, Confirm c) => DecideConfirm(state, c),
        (_, Ship c) => DecideShip(state, c),
        (_, Complete c) => DecideComplete(state, c),
        (_, Cancel c) => DecideCancel(state, c),
        (_, Fail c) => DecideFail(state, c),
        _ => throw new ArgumentOutOfRangeException(nameof(command), command.GetType().Name, "No order knows this command."),
    };

    public static OrderState Evolve(OrderState? state, OrderEvent @event) => (state, @event) switch
    {
        (null, OrderDrafted e) => new OrderState { Id = e.OrderId, UserId = e.UserId, Currency = e.Currency, CreatedAt = e.At },
        (null, _) => throw new InvalidOperationException($"{@event.GetType().Name} is not how an order begins."),
        (_, ItemAdded e) => state with { Lines = WithAdded(state.Lines, e) },
        (_, ItemRemoved e) => state with { Lines = [.. state.Lines.Where(l => l.Sku != e.Sku)] },
        (_, OrderSubmitted e) => state with
        {
            Status = Submitted,
            Lines = e.Lines,
            PaymentMethod = e.PaymentMethod,
            ShippingAddress = e.ShippingAddress,
            SubmittedAt = e.At,
        },
        (_, OrderCancellationRequested e) => state with { CancellationReason = e.Reason ?? OrderState.ErasedReason },
        (_, OrderConfirmed e) => state with { Status = Confirmed, ConfirmedAt = e.At },
        (_, OrderShipped e) => state with { Status = Shipped, Shipment = e.Shipment, ShippedAt = e.At },
        (_, OrderCompleted e) => state with { Status = Completed, CompletedAt = e.At },
        (_, OrderCancelled e) => state with { Status = Cancelled, Reason = e.Reason ?? OrderState.ErasedReason, Refunded = e.Refunded, CancelledAt = e.At },
        (_, OrderFailed e) => state with { Status = Failed, Reason = e.Reason, Refunded = e.Refunded, FailedAt = e.At },
        _ => throw new ArgumentOutOfRangeException(nameof(@event), @event.GetType().Name, "No order knows this event here."),
    };

    private static Decision Add(OrderState order, AddItem command)
    {
        if (order.Status != OrderStatus.Draft)
        {
            return Refuse(NotDraft);
        }

        if (command.Product.UnitPrice.Currency != order.Currency)
        {
            return Refuse(CurrencyMismatch);
        }

        var present = order.Lines.FirstOrDefault(l => l.Sku == command.Product.Sku);
        if (command.Quantity < MinQuantity || command.Quantity > MaxQuantity - (present?.Quantity ?? 0))
        {
            return Refuse(QuantityOutOfRange);
        }

        return present is null && order.Lines.Count >= MaxLines
            ? Refuse(TooManyLines)
            : Accept(new ItemAdded(order.Id, command.Product.Sku, command.Product.Name, command.Quantity, command.Product.UnitPrice, command.At));
    }

    private static Decision Remove(OrderState order, RemoveItem command) =>
        order.Status != OrderStatus.Draft ? Refuse(NotDraft)
        : order.Lines.All(l => l.Sku != command.Sku) ? Refuse(NoSuchItem)
        : Accept(new ItemRemoved(order.Id, command.Sku, command.At));

    private static Decision Place(OrderState order, Submit command)
    {
        if (order.Status != OrderStatus.Draft)
        {
            return Refuse(EndedAs(order.Status) ?? AlreadySubmitted);
        }

        if (order.Lines.Count == 0)
        {
            return Refuse(Empty);
        }

        var lines = new List<OrderLine>(order.Lines.Count);
        foreach (var line in order.Lines)
        {
            var product = command.Catalogue.FirstOrDefault(p => p.Sku == line.Sku);
            if (product is null)
            {
                return Refuse(ProductNotSold);
            }

            if (product.UnitPrice.Currency != order.Currency)
            {
                return Refuse(CurrencyMismatch);
            }

            lines.Add(line with { Name = product.Name, UnitPrice = product.UnitPrice });
        }

        var total = (order with { Lines = lines }).Total;
        if (command.Expected is { } expected && expected != total)
        {
            return Refuse(PriceChanged(expected, total));
        }

        if (command.Limits is not { } limits || total.Amount % limits.Smallest != 0)
        {
            return Refuse(TotalNotChargeable);
        }

        if (total.Amount > limits.Largest)
        {
            return Refuse(TotalTooLarge);
        }

        return Accept(new OrderSubmitted(order.Id, order.UserId, lines, total, command.PaymentMethod, command.ShippingAddress, command.At));
    }

    private static Decision AskToCancel(OrderState order, RequestCancellation command) => order.Status switch
    {
        OrderStatus.Draft => Accept(new OrderCancelled(order.Id, order.UserId, command.Reason, Refunded: null, command.At)),
        Submitted or Confirmed when order.CancellationReason is not null => new Decision.Repeated(),
        Submitted or Confirmed => Accept(new OrderCancellationRequested(order.Id, command.Reason, command.At)),
        Shipped => Refuse(AlreadyShipped),
        _ => Refuse(EndedAs(order.Status)!),
    };

    private static Decision DecideConfirm(OrderState order, Confirm command) => order.Status switch
    {
        OrderStatus.Draft => Refuse(NotSubmitted),
        Submitted => Accept(new OrderConfirmed(order.Id, order.UserId, order.Lines, order.Total, command.At)),
        _ when order.ConfirmedAt is not null => new Decision.Repeated(),
        _ => Refuse(EndedAs(order.Status)!),
    };

    private static Decision DecideShip(OrderState order, Ship command) => order.Status switch
    {
        OrderStatus.Draft or Submitted => Refuse(NotConfirmed),
        Confirmed => Accept(new OrderShipped(order.Id, order.UserId, command.Shipment, command.At)),
        _ when order.Shipment is not null => order.Shipment.ShipmentId == command.Shipment.ShipmentId ? new Decision.Repeated() : Refuse(OtherShipment),
        _ => Refuse(EndedAs(order.Status)!),
    };

    private static Decision DecideComplete(OrderState order, Complete command) => order.Status switch
    {
        OrderStatus.Draft or Submitted or Confirmed => Refuse(NotShipped),
        Shipped => Accept(new OrderCompleted(order.Id, order.UserId, order.Lines, order.Total, command.At)),
        Completed => new Decision.Repeated(),
        _ => Refuse(EndedAs(order.Status)!),
    };

    private static Decision DecideCancel(OrderState order, Cancel command) => order.Status switch
    {
        OrderStatus.Draft => Refuse(NotSubmitted),
        Submitted or Confirmed => Accept(new OrderCancelled(order.Id, order.UserId, command.Reason, command.Refunded, command.At)),
        Cancelled => new Decision.Repeated(),
        Shipped => Refuse(AlreadyShipped),
        _ => Refuse(EndedAs(order.Status)!),
    };

    // A shipped order can fail still: when the payment that was authorized cannot be captured.
    private static Decision DecideFail(OrderState order, Fail command) => order.Status switch
    {
        OrderStatus.Draft => Refuse(NotSubmitted),
        Submitted or Confirmed or Shipped => Accept(new OrderFailed(order.Id, order.UserId, command.Reason, command.Refunded, command.At)),
        Failed => new Decision.Repeated(),
        _ => Refuse(EndedAs(order.Status)!),
    };

    private static OrderError? EndedAs(OrderStatus status) => status switch
    {
        Completed => AlreadyCompleted,
        Cancelled => AlreadyCancelled,
        Failed => AlreadyFailed,
        _ => null,
    };

    private static List<OrderLine> WithAdded(IReadOnlyList<OrderLine> lines, ItemAdded e) =>
        lines.Any(l => l.Sku == e.Sku)
            ? [.. lines.Select(l => l.Sku == e.Sku ? new OrderLine(e.Sku, e.Name, l.Quantity + e.Quantity, e.UnitPrice) : l)]
            : [.. lines, new OrderLine(e.Sku, e.Name, e.Quantity, e.UnitPrice)];

    private static Decision.Accepted Accept(params OrderEvent[] events) => new(events);

    private static Decision.Refused Refuse(OrderError error) => new(error);
}
