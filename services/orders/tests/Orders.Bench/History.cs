using System.Diagnostics;
using Chassis.EventSourcing;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Bench;

/// <summary>
/// Orders of the past year: decided by the domain, appended by the event store and projected by the service's own projection, addresses sealed under their
/// customers' keys. What is left out is the commit for each order and the messages to others.
/// </summary>
internal sealed class History(ManyOrders shop, int few)
{
    private const int Chunk = 250;
    private const int Writers = 3;
    private const int OrdersOfACustomer = 20;

    private readonly DateTimeOffset _start = TimeProvider.System.GetUtcNow().AddDays(-365);

    /// <summary>Has 200 of the first 10,000 orders, and never orders again.</summary>
    public static Guid BigCustomer { get; } = Guid.Parse("0196f000-0000-7000-8000-0000000000b1");

    /// <summary>Has 20 of the first 10,000 orders.</summary>
    public static Guid SmallCustomer { get; } = Guid.Parse("0196f000-0000-7000-8000-0000000000a1");

    public async Task Write(int from, int to)
    {
        var started = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(
            Enumerable.Range(from, to - from).Chunk(Chunk),
            new ParallelOptions { MaxDegreeOfParallelism = Writers },
            async (numbers, _) => await WriteLives(numbers));
        await Poll.UntilAsync(
            async () => await shop.Database.ScalarAsync<long>(
                "SELECT count(*) FROM event_store.events e, event_store.projections p WHERE p.name = 'sales' AND e.position > p.position") == 0,
            "the sales to have caught up",
            TimeSpan.FromMinutes(3));
        await shop.Execute("VACUUM ANALYZE event_store.events, event_store.personal_keys, orders");
        Console.WriteLine($"{ManyOrders.Number(to)} orders lived through in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s more.");
    }

    /// <summary>Copies the rows of the read model, each time for other customers, until there are so many: reading them does not look at the events.</summary>
    public async Task Multiply(int orders)
    {
        var started = Stopwatch.GetTimestamp();
        var there = await shop.Database.ScalarAsync<long>("SELECT count(*) FROM orders");
        await shop.Execute(
            $$$"""
            INSERT INTO orders (id, user_id, tenant_id, status, created_at, version, document)
            SELECT id, user_id, tenant_id, status, created_at, version, document || jsonb_build_object('id', id, 'userId', user_id)
            FROM (
                SELECT gen_random_uuid() AS id, md5(o.user_id::text || copy)::uuid AS user_id, o.tenant_id, o.status, o.created_at - copy * interval '17 seconds' AS created_at, o.version, o.document
                FROM orders o, generate_series(1, {{{(orders / there) + 1}}}) AS copy WHERE o.user_id NOT IN ('{{{BigCustomer}}}', '{{{SmallCustomer}}}')
                LIMIT {{{Math.Max(0, orders - there)}}}
            ) AS copies
            """,
            "VACUUM ANALYZE orders");
        Console.WriteLine($"{ManyOrders.Number(orders)} orders in the read model in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s more.");
    }

    // Placed by all of them first, and then fulfilled, so that a batch of events finds the beginnings of most orders in the tables.
    private async Task WriteLives(int[] numbers)
    {
        var orders = numbers.Select(n => (Id: Guid.CreateVersion7(At(n)), Number: n, State: (OrderState?)null, Version: 0L)).ToArray();
        foreach (var part in new Func<Guid, int, OrderCommand[]>[] { Placed, Fulfilled })
        {
            await using var scope = shop.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<DbContext>();
            var silent = new CoreEventBus([], [], TimeProvider.System);
            var store = new EventStore(db, scope.ServiceProvider.GetRequiredService<EventSerializer>(), silent, scope.ServiceProvider, TimeProvider.System);
            await using var transaction = await db.Database.BeginTransactionAsync();
            var stored = new List<StoredEvent>();
            for (var i = 0; i < orders.Length; i++)
            {
                var (id, number, state, version) = orders[i];
                var events = new List<object>();
                foreach (var command in part(id, number))
                {
                    var accepted = (Decision.Accepted)Order.Decide(state, command);
                    state = accepted.Events.Aggregate(state, Order.Evolve);
                    events.AddRange(accepted.Events);
                }

                stored.AddRange(await store.AppendAsync(
                    OrderStore.StreamType, id, version, events, state!.UserId.ToString(), CancellationToken.None, state.CreatedAt));
                orders[i] = (id, number, state, version + events.Count);
            }

            var target = new ProjectionTarget((NpgsqlConnection)db.Database.GetDbConnection(), Shadow: false);
            await new OrdersProjection().ApplyAsync(stored, target, CancellationToken.None);
            await transaction.CommitAsync();
        }
    }

    private DateTimeOffset At(int number) => _start.AddMinutes(number * 5);

    private OrderCommand[] Placed(Guid id, int number)
    {
        var at = At(number);
        Product[] products = number % 3 == 0 ? [ManyOrders.Lamp] : [ManyOrders.Lamp, ManyOrders.Desk];
        return
        [
            new Draft(id, CustomerOf(number), "EUR", at),
            .. products.Select(p => new AddItem(p, (number % 4) + 1, at)),
            new Submit("pm_card_visa", ManyOrders.Address, products, new ChargeLimits(0.01m, 999_999.99m), at),
        ];
    }

    private OrderCommand[] Fulfilled(Guid id, int number)
    {
        var at = At(number).AddMinutes(3);
        return (number % 20) switch
        {
            0 => [new Fail("out_of_stock: LAMP: 2 wanted, 0 there", null, at)],
            1 => [new RequestCancellation("changed my mind", at), new Cancel("changed my mind", null, at)],
            2 => [new Confirm(at)],
            _ => [new Confirm(at), new Ship(new Shipment(id, "DHL", "JD014600006228974219"), at), new Complete(at)],
        };
    }

    private Guid CustomerOf(int number) =>
        number < few && number % 50 == 7 ? BigCustomer
        : number < few && number % 500 == 3 ? SmallCustomer
        : new Guid(number / few, (short)(number % (few / OrdersOfACustomer)), 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 1);
}
