using System.Diagnostics;
using Chassis.EventSourcing;
using Chassis.Testing;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Bench;

/// <summary>The orders service with a great many orders.</summary>
internal sealed class ManyOrders : ServiceFixture<Program>
{
    private const int Rounds = 300;
    private static readonly Product Lamp = new("LAMP", "Lamp", new Money(19.99m, "EUR"));

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <returns>Milliseconds.</returns>
    public async Task<double> LoadAndDecide()
    {
        var id = Ids.New(TimeProvider.System);
        await Change(id, [new Draft(id, id, "EUR", Now), .. Enumerable.Range(0, 99).Select(_ => new AddItem(Lamp, 1, Now))]);
        return await Median(() => InScope<OrderStore, bool>(async store =>
        {
            var order = await store.Load(id, toVersion: null, until: null, CancellationToken.None);
            return Order.Decide(order!.State, new AddItem(Lamp, 1, Now)) is Decision.Accepted;
        }));
    }

    /// <returns>Milliseconds for one order, and for the first page of one customer's list.</returns>
    public async Task<(double ById, double ByCustomer)> Read()
    {
        var user = Ids.New(TimeProvider.System);
        var ids = new List<Guid>();
        for (var i = 0; i < 20; i++)
        {
            var id = Ids.New(TimeProvider.System);
            await Change(id, new Draft(id, user, "EUR", Now), new AddItem(Lamp, 1, Now));
            ids.Add(id);
        }

        using var client = ClientFor(user);
        var next = 0;
        var byId = await Median(() => Get(client, $"/v1/orders/{ids[next++ % ids.Count]}"));
        var byCustomer = await Median(() => Get(client, "/v1/orders"));
        return (byId, byCustomer);
    }

    /// <summary>Both read models, made from the events of so many orders, the second time while orders are being placed.</summary>
    public async Task<IReadOnlyList<Figure>> Rebuild(int orders)
    {
        await Execute(Events(orders));
        var events = await Database.ScalarAsync<long>("SELECT count(*) FROM event_store.events");
        var first = await Rebuild(OrdersProjection.ProjectionName);
        Console.WriteLine($"{events:N0} events of {orders:N0} orders; the read model was empty: {first.Differences:N0} rows differ.");

        using var stop = new CancellationTokenSource();
        var placed = 0;
        var writers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var id = Ids.New(TimeProvider.System);
                await Change(id, new Draft(id, id, "EUR", Now), new AddItem(Lamp, 1, Now));
                Interlocked.Increment(ref placed);
            }
        })).ToArray();
        var again = await Rebuild(OrdersProjection.ProjectionName);
        var sales = await Rebuild(SalesProjection.ProjectionName);
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        Console.WriteLine($"Rebuilt while {placed:N0} orders were placed: {again.Differences} and {sales.Differences} rows differ from the live ones.");
        return
        [
            new("rebuild of the orders of 100,000 orders while orders are placed", Math.Round(again.Seconds, 1), "s"),
            new("rows in which it differs from the live read model", again.Differences, "rows", Limit: 0),
            new("rebuild of the sales of 100,000 orders while orders are placed", Math.Round(sales.Seconds, 1), "s"),
            new("rows in which they differ from the live read model", sales.Differences, "rows", Limit: 0),
        ];
    }

    /// <summary>Fills the read model alone: reading does not look at the events.</summary>
    public async Task FillReadModel(int orders)
    {
        await Execute(
            $$$"""
            INSERT INTO orders (id, user_id, status, created_at, version, document)
            SELECT id, user_id, 'draft', at, 2, jsonb_build_object('id', id, 'userId', user_id, 'currency', 'EUR', 'createdAt', at, 'status', 'draft', 'isTerminal', false,
                'lines', '[{"sku": "LAMP", "name": "Lamp", "quantity": 1, "unitPrice": {"amount": "19.99", "currency": "EUR"}}]'::jsonb,
                'total', '{"amount": "19.99", "currency": "EUR"}'::jsonb)
            FROM (SELECT gen_random_uuid() AS id, md5((i % 50000)::text)::uuid AS user_id, now() - i * interval '1 second' AS at FROM generate_series(1, {{{orders}}}) i) AS many;
            ANALYZE orders;
            """);
    }

    /// <summary>The database looks at one index, whatever the number of orders.</summary>
    public async Task VerifyPlans()
    {
        await VerifyPlan("SELECT document, version FROM orders WHERE id = '01990000-0000-7000-8000-000000000001'", "orders_pkey|orders_shadow_pkey");
        await VerifyPlan(
            "SELECT document, version FROM orders WHERE user_id = md5('7')::uuid ORDER BY created_at DESC, id DESC LIMIT 51",
            "orders_by_user|orders_shadow_user_id_created_at_id_idx");
        await VerifyPlan(
            "SELECT document, version FROM orders WHERE user_id = md5('7')::uuid AND (created_at, id) < (now() - interval '10 hours', md5('7')::uuid) ORDER BY created_at DESC, id DESC LIMIT 51",
            "orders_by_user|orders_shadow_user_id_created_at_id_idx");
    }

    protected override void Configure(IDictionary<string, string> settings) => settings["Logging:LogLevel:Default"] = "Error";

    // Filling takes as long as it takes.
    private async Task Execute(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }

    private async Task VerifyPlan(string sql, string index)
    {
        var lines = new List<string>();
        await using (var connection = new NpgsqlConnection(Database.Migrations))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand($"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {sql}", connection);
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                lines.Add(reader.GetString(0));
            }
        }

        var plan = string.Join('\n', lines);
        Console.WriteLine(plan);
        if (plan.Contains("Seq Scan", StringComparison.Ordinal) || plan.Contains("Sort", StringComparison.Ordinal) || !index.Split('|').Any(i => plan.Contains(i, StringComparison.Ordinal)))
        {
            throw new InvalidOperationException($"This reads more than one index:\n{sql}\n{plan}");
        }
    }

    private async Task<(long Differences, double Seconds)> Rebuild(string name)
    {
        using var client = Operator();
        var started = Stopwatch.GetTimestamp();
        using var asked = await client.PostAsync(new Uri($"/v1/ops/projections/{name}/rebuild", UriKind.Relative), null);
        asked.EnsureSuccessStatusCode();
        var state = await Poll.Until(
            () => Database.ScalarAsync<string>($"SELECT rebuild_state || ' ' || coalesce(rebuild_differences, -1) || ' ' || coalesce(rebuild_error, '') FROM event_store.projections WHERE name = '{name}'"),
            s => s.StartsWith("completed", StringComparison.Ordinal) || s.StartsWith("failed", StringComparison.Ordinal),
            $"{name} to be rebuilt",
            TimeSpan.FromMinutes(10));
        return state.StartsWith("completed", StringComparison.Ordinal)
            ? (long.Parse(state.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), Stopwatch.GetElapsedTime(started).TotalSeconds)
            : throw new InvalidOperationException(state);
    }

    private Task<OrderChange> Change(Guid id, params OrderCommand[] commands) => InScope<OrderStore, OrderChange>(store =>
        store.Change(id, ExpectedVersion.Any, (_, _) => Task.FromResult<IReadOnlyList<OrderCommand>>(commands), CancellationToken.None));

    private static async Task<bool> Get(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.EnsureSuccessStatusCode().IsSuccessStatusCode;
    }

    private static async Task<double> Median(Func<Task<bool>> work)
    {
        var times = new List<double>(Rounds);
        for (var i = 0; i < Rounds; i++)
        {
            var started = Stopwatch.GetTimestamp();
            if (!await work())
            {
                throw new InvalidOperationException("What is measured did not work.");
            }

            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        return Math.Round(times.Order().ElementAt(Rounds / 2), 2);
    }

    // Drafted, filled, submitted, confirmed, shipped, completed: written by the database, which is faster than living through it.
    private static string Events(int orders) =>
        $$$"""
        INSERT INTO event_store.events (event_id, stream_id, stream_type, version, event_type, event_version, payload, metadata, occurred_at)
        SELECT gen_random_uuid(), o.id, 'order', e.version, e.type, CASE e.type WHEN 'order.item-added' THEN 2 ELSE 1 END,
            jsonb_build_object('orderId', o.id, 'at', '2026-01-01T00:00:00+00:00') || CASE e.type
                WHEN 'order.drafted' THEN jsonb_build_object('userId', o.user_id, 'currency', 'EUR')
                WHEN 'order.item-added' THEN '{"sku": "LAMP", "name": "Lamp", "quantity": 1, "unitPrice": {"amount": "19.99", "currency": "EUR"}}'::jsonb
                WHEN 'order.shipped' THEN jsonb_build_object('userId', o.user_id, 'shipment', jsonb_build_object('shipmentId', o.id, 'carrier', 'DHL', 'trackingNumber', 'JD'))
                ELSE jsonb_build_object('userId', o.user_id, 'paymentMethod', 'pm_card_visa', 'total', '{"amount": "19.99", "currency": "EUR"}'::jsonb,
                    'lines', '[{"sku": "LAMP", "name": "Lamp", "quantity": 1, "unitPrice": {"amount": "19.99", "currency": "EUR"}}]'::jsonb) END,
            '{"correlationId": "bench"}', now()
        FROM (SELECT gen_random_uuid() AS id, md5((i % 5000)::text)::uuid AS user_id FROM generate_series(1, {{{orders}}}) i) AS o,
            (VALUES (1, 'order.drafted'), (2, 'order.item-added'), (3, 'order.submitted'), (4, 'order.confirmed'), (5, 'order.shipped'), (6, 'order.completed')) AS e(version, type)
        ORDER BY o.id, e.version;
        ANALYZE event_store.events;
        """;
}
