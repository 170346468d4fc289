using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chassis.Testing;
using Inventory.Features;
using Inventory.Persistence;
using Microsoft.Extensions.DependencyInjection;

[assembly: AssemblyFixture(typeof(Inventory.Tests.InventoryFixture))]

namespace Inventory.Tests;

/// <summary>The service on its own database and broker, shared by the tests: each uses skus and orders of its own.</summary>
public class InventoryFixture : ServiceFixture<Program>
{
    private static int _counter;

    public HttpClient Client { get; private set; } = null!;

    public EventLog Events { get; private set; } = null!;

    /// <summary>Commands to the service, as the saga sends them.</summary>
    public CommandSender Commands { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Client = Operator();
        await Poll.UntilAsync(
            async () => (await Client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.OK, "inventory to be ready", TimeSpan.FromSeconds(60));
        Events = await EventLog.ListenAsync(Vhost.Uri);
        Commands = await CommandSender.ConnectAsync(Vhost.Uri);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Events is not null)
        {
            await Events.DisposeAsync();
        }

        if (Commands is not null)
        {
            await Commands.DisposeAsync();
        }

        Client?.Dispose();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    public static string NewSku(string name = "SKU") => $"{name}-{Interlocked.Increment(ref _counter):00000}";   // skus sort as they were made

    /// <summary>A product with so many pieces of it.</summary>
    public async Task<string> StockedAsync(int pieces, int? reorderPoint = null)
    {
        var sku = await AddAsync(NewSku(), reorderPoint: reorderPoint);
        if (pieces > 0)
        {
            (await Client.PostAsJsonAsync($"/v1/products/{sku}/receipts", new { quantity = pieces, reference = "first delivery" })).EnsureSuccessStatusCode();
        }

        return sku;
    }

    public async Task<string> AddAsync(string sku, (string Sku, int Quantity)[]? components = null, int? reorderPoint = null)
    {
        var response = await Client.PostAsJsonAsync("/v1/products", new
        {
            sku,
            name = $"Product {sku}",
            price = new { amount = "10.00", currency = "EUR" },
            components = (components ?? []).Select(c => new { sku = c.Sku, quantity = c.Quantity }),
            reorderPoint,
        });
        response.StatusCode.ShouldBe(HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        return sku;
    }

    public async Task<StockView> StockAsync(string sku) => (await Client.GetFromJsonAsync<StockView>($"/v1/products/{sku}/stock"))!;

    /// <summary>Every line of a ledger, page by page.</summary>
    public async Task<IReadOnlyList<JsonElement>> MovementsAsync(string sku)
    {
        var all = new List<JsonElement>();
        string? cursor = null;
        do
        {
            var page = await Client.GetFromJsonAsync<JsonElement>($"/v1/products/{sku}/movements?limit=200{(cursor is null ? "" : $"&cursor={cursor}")}");
            all.AddRange(page.GetProperty("items").EnumerateArray());
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        return all;
    }

    /// <summary>Everything that is written about stock fits together, for all skus of the database.</summary>
    public async Task ShouldAddUpAsync()
    {
        await using var scope = Services.CreateAsyncScope();
        var audit = await AuditStock.RunAsync(scope.ServiceProvider.GetRequiredService<InventoryDbContext>(), TimeProvider.System, CancellationToken.None);
        audit.Differences.ShouldBeEmpty();
        audit.Consistent.ShouldBeTrue();
    }

    /// <summary>Runs a handler in a scope of its own, as a consumer does.</summary>
    public async Task Handle<THandler>(Func<THandler, Task> work)
        where THandler : notnull
    {
        await using var scope = Services.CreateAsyncScope();
        await work(scope.ServiceProvider.GetRequiredService<THandler>());
    }
}
