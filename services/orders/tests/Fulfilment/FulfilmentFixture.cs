using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chassis.Testing;
using Orders.Tests.Payments;

namespace Orders.Tests.Fulfilment;

/// <summary>The orders service with the saga's partners: an inventory made up here, and the payment sandbox.</summary>
public class FulfilmentFixture : OrdersFixture
{
    public Sandbox Sandbox { get; private set; } = null!;

    public FakeInventory Inventory { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        Sandbox = await Sandbox.StartAsync();
        await base.InitializeAsync();
        Inventory = new FakeInventory();
        await Inventory.StartAsync(Vhost);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Inventory is not null)
        {
            await Inventory.DisposeAsync();
        }

        await base.DisposeAsync();
        if (Sandbox is not null)
        {
            await Sandbox.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    public static async Task<Guid> Place(HttpClient client, string card, int lamps = 2)
    {
        using var response = await client.PostAsJsonAsync(
            "/v1/orders", new { items = new[] { new { sku = Lamp, quantity = lamps } }, submit = new { paymentMethod = card, shippingAddress = Address } });
        response.StatusCode.ShouldBe(HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        return (await Json(response))["id"]!.GetValue<Guid>();
    }

    /// <summary>Waits until fulfilment has ended, and gives its story.</summary>
    public static Task<JsonNode> Story(HttpClient client, Guid id, string state, TimeSpan? timeout = null) => Poll.UntilAsync(
        async () => await Read(client, $"/v1/orders/{id}/fulfilment") ?? new JsonObject(),
        f => f["state"]?.GetValue<string>() == state,
        $"fulfilment of {id} to be {state}",
        timeout ?? TimeSpan.FromSeconds(40));

    public static IEnumerable<string> Steps(JsonNode story) =>
        story["steps"]!.AsArray().Select(s => $"{s!["step"]!.GetValue<string>()}: {s["outcome"]?.GetValue<string>() ?? "…"}");

    public static async Task<JsonNode> PaymentOf(HttpClient client, Guid order) =>
        (await Read(client, $"/v1/payments?orderId={order}"))!["items"]!.AsArray().ShouldHaveSingleItem()!;

    public static async Task<JsonNode?> Read(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.StatusCode == HttpStatusCode.NotFound ? null : await Json(response);
    }

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Payments:BaseUrl"] = Sandbox.BaseUrl.ToString();
        settings["Payments:ApiKey"] = Sandbox.ApiKey;
        settings["Payments:TryTimeout"] = "00:00:00.5";
        settings["Payments:TotalTimeout"] = "00:00:01";
        settings["Payments:RetryDelay"] = "00:00:00.05";
        settings["Payments:CheckAgain"] = "00:00:00.5";
        settings["Payments:CheckAgainAtMost"] = "00:00:02";
        settings["Payments:BreakDuration"] = "00:00:01";
        settings["Fulfilment:Reservation"] = "00:30:00";
        settings["Fulfilment:AskAgain"] = "00:30:00";
    }
}
