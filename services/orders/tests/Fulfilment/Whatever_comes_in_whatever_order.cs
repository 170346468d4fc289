using System.Collections.Concurrent;
using CsCheck;
using MassTransit;
using Orders.Domain;
using Orders.Fulfilment;
using Orders.Payments;
using Shop.Contracts.Orders.V1;

namespace Orders.Tests.Fulfilment;

/// <summary>
/// Random histories: replies late, repeated and reordered, lost answers of the payment provider, crashes, cancellations, deadlines, expiries.
/// </summary>
public sealed class Whatever_comes_in_whatever_order
{
    private const int LongestHistory = 2000;

    [Theory]
    [InlineData(null, 180)]
    [InlineData("declined", 60)]
    [InlineData("capture fails", 60)]
    [InlineData("requires_action", 60)]
    [InlineData("processing", 60)]
    public async Task The_order_ends_exactly_once_with_stock_and_money_settled(string? card, int histories)
    {
        var house = new Houses();
        await using var driver = await SagaDriver.StartAsync(house);
        var endings = new HashSet<OrderStatus>();
        await Gen.Int[0, Luck.Of - 1].Array[0, 1000].SampleAsync(
            async draws =>
            {
                var (luck, id) = (new Luck(draws), Guid.CreateVersion7());
                var world = house.Of[id] = new World(luck, id) { Card = card };
                try
                {
                    await Live(driver, world, luck, id);
                    Settled(driver.Find(id)!, world);
                    endings.Add(world.Order);
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException(
                        $"{e.Message}\n{driver.Find(id)?.CurrentState}, order {world.Order}, stock {world.Stock}, provider {world.AtProvider}, "
                        + $"record {world.Record?.Status} {world.Record?.Operation}\n{string.Join('\n', world.Log)}", e);
                }
            },
            iter: histories,
            threads: 1);

        endings.ShouldContain(card is "declined" or "capture fails" ? OrderStatus.Failed : OrderStatus.Completed);
        endings.ShouldContain(OrderStatus.Cancelled);
    }

    private static async Task Live(SagaDriver driver, World world, Luck luck, Guid id)
    {
        world.Put(A.Start(id));
        for (var step = 0; step < LongestHistory; step++)
        {
            var saga = driver.Find(id);
            var ended = saga?.FinishedAt is not null;
            if (world.IsQuiet && ended)
            {
                return;
            }

            if (!ended)
            {
                world.LetThingsHappen();
            }

            if (saga is not null && !ended && (world.IsQuiet || luck.Chance() < 0.02))
            {
                world.Put(new DeadlinePassed(id, saga.CurrentState));
            }

            await Deliver(driver, world);
        }

        throw new InvalidOperationException("The history does not end.");
    }

    private static async Task Deliver(SagaDriver driver, World world)
    {
        var message = world.Take();
        if (await world.Handle(message) is not { } forTheSaga)
        {
            return;
        }

        try
        {
            foreach (var command in await driver.Deliver(forTheSaga))
            {
                world.Put(command);
            }
        }
        catch (SagaException)
        {
            // It came before its saga: redelivered later.
            world.Put(message);
        }
    }

    private static void Settled(FulfilmentState saga, World world)
    {
        saga.CurrentState.ShouldBe(world.Order.ToString(), "saga and order end the same way");
        world.Stock.ShouldBeOneOf(world.Order == OrderStatus.Completed ? ["shipped"] : saga.ShipmentId is null ? ["released", "refused"] : ["shipped"]);
        if (world.Order == OrderStatus.Completed)
        {
            world.AtProvider.ShouldBe(PaymentState.Captured);
        }
        else
        {
            (world.AtProvider is null or PaymentState.Voided or PaymentState.Declined or PaymentState.Refunded).ShouldBeTrue($"money is held: {world.AtProvider}");
        }

        (world.EverCaptured && world.Stock != "shipped").ShouldBeFalse("charged without shipping");
        if (world.Record is { } record)
        {
            record.Operation.ShouldBeNull();
            record.Status.ShouldBe(world.AtProvider ?? PaymentState.Voided, "our record says what the provider says");
        }
    }

    private sealed class Houses : SagaDriver.IHouse
    {
        public ConcurrentDictionary<Guid, World> Of { get; } = [];

        public Task DoAsync(Guid orderId, OrderCommand command, CancellationToken ct) => Of[orderId].DoAsync(orderId, command, ct);

        public Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct) => Of[request.OrderId].RequestAsync(request, ct);

        public Task<PaymentProcessed?> OutcomeAsync(Guid orderId, CancellationToken ct) => Of[orderId].OutcomeAsync(orderId, ct);
    }
}
