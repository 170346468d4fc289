using System.Text.Json;
using Chassis.Testing;
using Microsoft.Playwright;
using Shop.BrowserTests.Running;
using Shop.Cluster;
using Shop.SystemTests.Running;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
[assembly: AssemblyFixture(typeof(RunningConsole))]

namespace Shop.BrowserTests.Running;

/// <summary>The whole system with the operators' console, and a browser to look at it; started once for all tests.</summary>
public sealed class RunningConsole : LazyFixture
{
    /// <summary>A page follows within seconds; this is for a machine that does other things as well.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private int _products;

    public ShopCluster Cluster { get; private set; } = null!;

    public Broker Broker { get; private set; } = null!;

    public ShopClient Operator { get; private set; } = null!;

    public ShopClient Customer { get; private set; } = null!;

    public Uri Address => Cluster.Of("console")[0].Address;

    public override async ValueTask InitializeAsync()
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await Chromium.StartAsync(_playwright);
        Cluster = await ShopCluster.StartAsync(new ClusterOptions
        {
            Console = true,
            Settings = new Dictionary<string, string> { ["Fulfilment__AskAgain"] = "00:00:05", ["Messaging__Lease"] = "00:00:03" },
        });
        Broker = await Broker.ConnectAsync(Cluster);
        Operator = await ShopClient.OperatorAsync(Cluster);
        Customer = await ShopClient.RegisterAsync(Cluster, "ada");
    }

    public override async ValueTask DisposeAsync()
    {
        Operator?.Dispose();
        Customer?.Dispose();
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        if (Broker is not null)
        {
            await Broker.DisposeAsync();
        }

        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }
    }

    /// <summary>A browser of its own, in which nobody has signed in.</summary>
    public async Task<Tab> OpenAsync(int width = 1280, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await _browser!.NewContextAsync(new()
        {
            BaseURL = Address.ToString(), ViewportSize = new() { Width = width, Height = 900 }, ColorScheme = scheme, TimezoneId = "Europe/Berlin",
        });
        return new Tab(await context.NewPageAsync(), Address);
    }

    /// <summary>A browser of its own, in which somebody has signed in; the operator if nobody else is named.</summary>
    public async Task<Tab> SignedInAsync(
        int width = 1280, ColorScheme scheme = ColorScheme.Light, string email = ShopCluster.OperatorEmail, string password = ShopCluster.OperatorPassword)
    {
        var tab = await OpenAsync(width, scheme);
        await tab.Page.GotoAsync("/");
        await tab.Page.FillAsync("#email", email);
        await tab.Page.FillAsync("#password", password);
        await tab.Page.ClickAsync("main button");
        await tab.Page.WaitForURLAsync(Address.ToString());
        return tab;
    }

    /// <summary>A product of its own for a test, known to the orders service already.</summary>
    public async Task<string> ProductAsync(int stock)
    {
        var sku = $"SKU-{Interlocked.Increment(ref _products)}";
        await Operator.StockAsync(sku, stock);
        await Poll.UntilAsync(() => IsKnownAsync(sku), $"{sku} in the catalogue of orders", Patience);
        return sku;
    }

    /// <summary>Whether the orders service knows the product: a draft with it can be made.</summary>
    public async Task<bool> IsKnownAsync(string sku)
    {
        using var response = await Customer.SendAsync(HttpMethod.Post, "orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } });
        return response.IsSuccessStatusCode;
    }

    public Task<JsonElement> OrderIs(Guid order, string status) => OrderIs(Customer, order, status);

    public Task<JsonElement> OrderIs(ShopClient customer, Guid order, string status) => Poll.UntilAsync(
        () => customer.GetAsync("orders", $"/v1/orders/{order}"),
        o => o.GetProperty("status").GetString() == status,
        $"order {order} to be {status}",
        Patience);

    /// <summary>Sends an event that its consumers cannot take, and waits until one has given it up.</summary>
    /// <returns>The id of the dead letter.</returns>
    public async Task<Guid> PoisonAsync(string service, string type, string subject, object body)
    {
        var id = Guid.NewGuid().ToString();
        await Broker.PublishEventAsync(type, subject, JsonSerializer.SerializeToUtf8Bytes(body), id);
        var letters = await Poll.UntilAsync(
            async () => (await Operator.GetAsync(service, $"/v1/ops/dead-letters?messageId={id}")).GetProperty("items").EnumerateArray().ToList(),
            found => found.Count > 0,
            $"a dead letter of {service} about {subject}",
            Patience);
        return letters[0].GetProperty("id").GetGuid();
    }

    public Task<JsonElement> LetterAsync(string service, Guid id) => Operator.GetAsync(service, $"/v1/ops/dead-letters/{id}");
}
