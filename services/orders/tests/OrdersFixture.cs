using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orders.Domain;
using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Users.V1;

[assembly: AssemblyFixture(typeof(Orders.Tests.OrdersFixture))]

namespace Orders.Tests;

/// <summary>The whole orders service on a real database and a real broker.</summary>
public class OrdersFixture : ServiceFixture<Program>
{
    /// <summary>Sold from the start, in euros: 19.99 and 249.00.</summary>
    public const string Lamp = "LAMP";
    public const string Desk = "DESK";

    public static object Address { get; } = new { name = "Ada Lovelace", line1 = "1 Analytical Way", city = "London", postalCode = "N1 9GU", country = "GB" };

    public static object Submission { get; } = new { paymentMethod = "pm_card_visa", shippingAddress = Address };

    /// <summary>An outsider who hears every boundary event.</summary>
    public EventTap Tap { get; private set; } = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Tap = await EventTap.OpenAsync(Vhost.Uri);
        await AddProduct(Lamp, "19.99");
        await AddProduct(Desk, "249.00");
    }

    public override async ValueTask DisposeAsync()
    {
        if (Tap is not null)
        {
            await Tap.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override void Configure(IDictionary<string, string> settings) => settings["Payments:ApiKey"] = "a-key-of-these-tests";

    public static Guid NewId() => Ids.New(TimeProvider.System);

    public HttpClient Customer() => ClientFor(NewId());

    /// <summary>Tells the service of a product, as inventory does, and waits until it has heard of it.</summary>
    public async Task AddProduct(string sku, string price, string currency = "EUR")
    {
        await Publish(
            new ProductAdded(
                sku,
                $"The {sku}",
                new Shop.Contracts.Money(decimal.Parse(price, System.Globalization.CultureInfo.InvariantCulture), currency),
                [],
                TimeProvider.System.GetUtcNow()),
            1);
        await Poll.UntilAsync(
            async () => await Database.ScalarAsync<long>($"SELECT count(*) FROM catalogue_products WHERE sku = '{sku}'") == 1, $"product {sku} to be known");
    }

    /// <summary>Publishes an event of another service.</summary>
    public async Task Publish<T>(T boundaryEvent, long sequence)
        where T : class
    {
        await using var scope = Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(boundaryEvent, sequence, TestContext.Current.CancellationToken);
        await scope.ServiceProvider.GetRequiredService<DbContext>().SaveChangesAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Does to an order what the saga does to it in its transaction.</summary>
    public async Task Do(Guid orderId, Func<DateTimeOffset, OrderCommand> command)
    {
        await using var scope = Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await scope.ServiceProvider.GetRequiredService<IOrders>().DoAsync(
            orderId, command(TimeProvider.System.GetUtcNow()), TestContext.Current.CancellationToken);
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
    }

    public async Task UserIs(Guid userId, string status)
    {
        var now = TimeProvider.System.GetUtcNow();
        await (status switch
        {
            "active" => Publish(new UserRegistered(userId, "ada@example.org", "Ada Lovelace", "web", now), 1),
            "deactivated" => Publish(new UserDeactivated(userId, "test", now), 2),
            "reactivated" => Publish(new UserReactivated(userId, now), 3),
            "erased" => Publish(new UserErased(userId, now), 4),
            _ => throw new ArgumentOutOfRangeException(nameof(status)),
        });
        var expected = status == "reactivated" ? "active" : status;
        await Poll.UntilAsync(
            async () => await Database.ScalarAsync<long>($"SELECT count(*) FROM catalogue_users WHERE user_id = '{userId}' AND status = '{expected}'") == 1,
            $"the user to be {expected}");
    }

    public static async Task<JsonNode> Json(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;

    /// <summary>A draft with lamps.</summary>
    public static async Task<Guid> Draft(HttpClient client, int lamps = 2)
    {
        using var response = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku = Lamp, quantity = lamps } } });
        response.StatusCode.ShouldBe(System.Net.HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        return (await Json(response))["id"]!.GetValue<Guid>();
    }

    /// <summary>An order for lamps that was placed.</summary>
    public static async Task<Guid> Place(HttpClient client, int lamps = 2)
    {
        using var response = await client.PostAsJsonAsync("/v1/orders", new { items = new[] { new { sku = Lamp, quantity = lamps } }, submit = Submission });
        response.StatusCode.ShouldBe(System.Net.HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        return (await Json(response))["id"]!.GetValue<Guid>();
    }

    public static async Task<JsonNode> Get(HttpClient client, Guid id, string query = "")
    {
        using var response = await client.GetAsync(new Uri($"/v1/orders/{id}{query}", UriKind.Relative));
        response.StatusCode.ShouldBe(System.Net.HttpStatusCode.OK);
        return await Json(response);
    }

    public static Task<JsonNode> Until(HttpClient client, Guid id, string status) =>
        Poll.UntilAsync(() => Get(client, id), o => o["status"]!.GetValue<string>() == status, $"order {id} to be {status}");

    /// <summary>Boundary events of this order that left the service, in order: type and sequence.</summary>
    public async Task<string> Told(Guid orderId) => await Database.ScalarAsync<string>(
        $"SELECT coalesce(string_agg(type || ' ' || coalesce(headers->>'cloudEvents_sequence', '-'), ', ' ORDER BY position), '') FROM messaging.boundary_events WHERE subject = '{orderId}'");

    public static JsonSerializerOptions Web { get; } = new(JsonSerializerDefaults.Web);
}
