using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using Contracts.Events;
using Inventory.Features;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Bench;

/// <summary>The inventory service with one product that everybody wants.</summary>
internal sealed class HotSku : ServiceFixture<Program>
{
    private const int Workers = 8;
    private const int Crowd = 128;
    private const int Plenty = 1_000_000;
    private const string Sku = "HOT";

    private static readonly IReadOnlyList<SkuQuantity> One = [new SkuQuantity(Sku, 1)];

    private NpgsqlDataSource? _source;
    private IConnection? _broker;
    private int _answers;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        using var probe = Anonymous();
        await Poll.UntilAsync(
            async () => (await probe.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode,
            "inventory to be ready",
            TimeSpan.FromMinutes(1));
        await ListenAsync();
        await InScopeAsync<AddProduct, object>(async f => await f.Handle(new AddProductRequest(Sku, "Hot", new Money(1, "EUR")), default));
        await InScopeAsync<ReceiveStock, object>(async f => await f.Handle(Sku, new ReceiveStockRequest(Plenty, "bench"), default));

        // The reference: a table with nothing but what the update needs, and the room to update in place that the stock has, too.
        await Database.ExecuteAsync(
            $"CREATE TABLE bare (sku text PRIMARY KEY, available integer NOT NULL) WITH (fillfactor = 40); INSERT INTO bare VALUES ('{Sku}', {Plenty})");
        _source = NpgsqlDataSource.Create(Database.Migrations);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_source is not null)
        {
            await _source.DisposeAsync();
        }

        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        await base.DisposeAsync();
    }

    public async Task WarmUpAsync()
    {
        var moment = TimeSpan.FromSeconds(2);
        await BareUpdatesAsync(moment);
        await CrowdAsync(moment);
        await OneByOneAsync(moment);
        await AnsweredReservationsAsync(300);
    }

    public Task<double> BareUpdatesAsync(TimeSpan time) => RateAsync(time, Workers, async running =>
    {
        await using var connection = await _source!.OpenConnectionAsync();
        await using var update = new NpgsqlCommand("UPDATE bare SET available = available - $2 WHERE sku = $1 AND available >= $2", connection)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = Sku }, new NpgsqlParameter<int> { TypedValue = 1 } },
        };
        await update.PrepareAsync();
        return await CountAsync(running, async () => await update.ExecuteNonQueryAsync() == 1);
    });

    /// <summary>What a consumer waits for: plan, stock, ledger and answer in the outbox, committed in groups, for a crowd that all want the same.</summary>
    public Task<double> CrowdAsync(TimeSpan time)
    {
        var together = Services.GetRequiredService<GroupCommit<ReservationRequest>>();
        return RateAsync(time, Crowd, running => CountAsync(running, async () =>
        {
            await together.CommitAsync(new ReservationRequest(new ReserveStock(Guid.CreateVersion7(), One), OperationContext.Current, null), default);
            return true;
        }));
    }

    /// <summary>The same, each order in a transaction of its own.</summary>
    public Task<double> OneByOneAsync(TimeSpan time) => RateAsync(time, Workers, running => CountAsync(running, async () =>
    {
        await using var scope = Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ReserveStockHandler>().Handle(new ReserveStock(Guid.CreateVersion7(), One), default);
        return true;
    }));

    /// <summary>From the command in the queue to the answer on its exchange.</summary>
    public async Task<double> AnsweredReservationsAsync(int orders)
    {
        await using var channel = await _broker!.CreateChannelAsync(new CreateChannelOptions(true, true));
        var before = Volatile.Read(ref _answers);
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, orders).Select(async _ => await channel.BasicPublishAsync(
            "", Queues.InventoryCommands, mandatory: true, new BasicProperties
            {
                ContentType = "application/vnd.masstransit+json", UserId = TestVhost.Account, DeliveryMode = DeliveryModes.Persistent,
            },
            JsonSerializer.SerializeToUtf8Bytes(new JsonObject
            {
                ["messageId"] = Guid.CreateVersion7().ToString(),
                ["messageType"] = new JsonArray($"urn:message:{typeof(ReserveStock).Namespace}:{nameof(ReserveStock)}"),
                ["message"] = JsonSerializer.SerializeToNode(new ReserveStock(Guid.CreateVersion7(), One), ContractJson.Options),
            }))));
        await Poll.UntilAsync(() => Volatile.Read(ref _answers) - before >= orders, "every order to be answered", TimeSpan.FromMinutes(3));
        return orders / watch.Elapsed.TotalSeconds;
    }

    /// <summary>A figure of a system that miscounts is worth nothing.</summary>
    public async Task VerifyAsync()
    {
        var audit = await InScopeAsync<InventoryDbContext, StockAudit>(db => AuditStock.RunAsync(db, TimeProvider.System, default));
        if (!audit.Consistent)
        {
            throw new InvalidOperationException($"The stock does not add up: {string.Join("; ", audit.Differences)}");
        }
    }

    protected override void Configure(IDictionary<string, string> settings) => settings["Logging:LogLevel:Default"] = "Error";

    private static async Task<double> RateAsync(TimeSpan time, int workers, Func<Func<bool>, Task<int>> worker)
    {
        var watch = Stopwatch.StartNew();
        var done = await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(() => worker(() => watch.Elapsed < time))));
        return done.Sum() / watch.Elapsed.TotalSeconds;
    }

    private static async Task<int> CountAsync(Func<bool> running, Func<Task<bool>> work)
    {
        var count = 0;
        while (running())
        {
            count += await work() ? 1 : throw new InvalidOperationException("The stock ran out.");
        }

        return count;
    }

    private async Task ListenAsync()
    {
        _broker = await new ConnectionFactory { Uri = Vhost.Uri }.CreateConnectionAsync();
        var channel = await _broker.CreateChannelAsync();
        var queue = await channel.QueueDeclareAsync();
        await channel.QueueBindAsync(queue.QueueName, ShopContracts.Exchanges.AllEvents, "shop.stock.reserved.v1");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, _) =>
        {
            Interlocked.Increment(ref _answers);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue.QueueName, autoAck: true, consumer);
    }
}
