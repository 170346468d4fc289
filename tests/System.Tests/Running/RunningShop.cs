using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Npgsql;
using Shop.Cluster;
using Shop.SystemTests.Running;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
[assembly: AssemblyFixture(typeof(RunningShop))]

namespace Shop.SystemTests.Running;

/// <summary>The whole system, started once for all tests: every service a process, with somebody listening at the broker and taking the telemetry.</summary>
public sealed class RunningShop : LazyFixture
{
    /// <summary>An order that is fulfilled takes well under a second; this is for a machine that does other things as well.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private int _products;

    public ShopCluster Cluster { get; private set; } = null!;

    public OtlpReceiver Telemetry { get; private set; } = null!;

    public Broker Broker { get; private set; } = null!;

    /// <summary>The way to the mail server.</summary>
    public TcpProxy Mails { get; private set; } = null!;

    public ShopClient Operator { get; private set; } = null!;

    public ShopClient Customer { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        Telemetry = await OtlpReceiver.StartAsync();
        var smtp = TestServers.MailSmtp.Split(':');
        Mails = new TcpProxy(smtp[0], int.Parse(smtp[1], CultureInfo.InvariantCulture), "mails");
        Cluster = await ShopCluster.StartAsync(new ClusterOptions
        {
            Tls = TestServers.Certificates is not null,
            Smtp = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Mails.Port}"),
            Settings = new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Telemetry.Address,
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
                ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
                // What a step asks for again after an outage, and what a killed process has taken, must not take minutes here.
                ["Fulfilment__AskAgain"] = "00:00:05",
                ["Messaging__Lease"] = "00:00:03",
                ["Mail__Lease"] = "00:00:12",
                ["Smtp__Timeout"] = "00:00:10",
            },
        });
        Broker = await Broker.ConnectAsync(Cluster);
        Operator = await ShopClient.OperatorAsync(Cluster);
        Customer = await ShopClient.RegisterAsync(Cluster, "ada");
    }

    public override async ValueTask DisposeAsync()
    {
        Operator?.Dispose();
        Customer?.Dispose();
        if (Broker is not null)
        {
            await Broker.DisposeAsync();
        }

        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }

        if (Mails is not null)
        {
            await Mails.DisposeAsync();
        }

        if (Telemetry is not null)
        {
            await Telemetry.DisposeAsync();
        }
    }

    /// <summary>A product of its own for a test, known to the orders service already.</summary>
    public async Task<string> ProductAsync(int stock)
    {
        var sku = $"SKU-{Interlocked.Increment(ref _products)}";
        await Operator.StockAsync(sku, stock);
        await Poll.UntilAsync(async () => await Customer.TryOrderAsync(sku), $"{sku} in the catalogue of orders", Patience);
        return sku;
    }

    public Task<JsonElement> OrderIs(Guid order, string status, TimeSpan? timeout = null) =>
        Poll.UntilAsync(
            () => Customer.GetAsync("orders", $"/v1/orders/{order}"),
            o => o.GetProperty("status").GetString() == status,
            $"order {order} to be {status}",
            timeout ?? Patience);

    /// <summary>What the order's fulfilment says of itself.</summary>
    public Task<JsonElement> FulfilmentOf(Guid order) => Customer.GetAsync("orders", $"/v1/orders/{order}/fulfilment");

    public Task<JsonElement> StockOf(string sku) => Operator.GetAsync("inventory", $"/v1/products/{sku}/stock");

    public async Task<IReadOnlyList<string>> PaymentsOf(Guid order) =>
        [
            .. (await Operator.GetAsync("orders", $"/v1/payments?orderId={order}"))
                .GetProperty("items")
                .EnumerateArray()
                .Select(p => p.GetProperty("status").GetString()!),
        ];

    public async Task<IReadOnlyList<JsonElement>> DeadLettersOf(string service) =>
        [.. (await Operator.GetAsync(service, "/v1/ops/dead-letters?limit=200")).GetProperty("items").EnumerateArray()];

    /// <summary>The saga's state; empty as long as the saga has not heard of the order.</summary>
    public async Task<string> StateOf(Guid order)
    {
        using var answer = await Operator.SendAsync(HttpMethod.Get, "orders", $"/v1/orders/{order}/fulfilment");
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("state").GetString()! : "";
    }

    /// <summary>
    /// An order that something calls off before the money is there: the provider stands still from before it is placed until the saga gives up,
    /// however long that takes.
    /// </summary>
    public async Task<Guid> OrderHeldAtItsPaymentAsync(ShopClient customer, string sku, int quantity, Func<Guid, Task> callOff)
    {
        using var held = Cluster.Of("payment-sandbox")[0].Frozen();
        var order = await customer.OrderAsync("pm_card_visa", (sku, quantity));
        await InState("AuthorizingPayment");
        await callOff(order);
        await InState("VoidingPayment");
        return order;

        Task InState(string state) =>
            Poll.UntilAsync(
                () => StateOf(order), at => string.Equals(at, state, StringComparison.OrdinalIgnoreCase), $"the saga of {order} to be {state}", Patience);
    }

    /// <summary>Makes what an order's saga waits for overdue: its deadline stands in the outbox as a message that is due later.</summary>
    public async Task BringDeadlineForwardAsync(Guid order)
    {
        await using var connection = new NpgsqlConnection(Cluster.Database("orders").Migrations);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "UPDATE messaging.outbox SET due_at = now() WHERE due_at > now() + interval '10 seconds' AND position(convert_to(@order, 'UTF8') IN body) > 0",
            connection);
        command.Parameters.AddWithValue("order", order.ToString());
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0, $"no deadline of order {order} is scheduled");
    }
}

internal static class ShopClientExtensions
{
    /// <summary>Whether a draft with the product can be made: the orders service knows it.</summary>
    public static async Task<bool> TryOrderAsync(this ShopClient customer, string sku)
    {
        using var response = await customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } });
        return response.IsSuccessStatusCode;
    }
}
