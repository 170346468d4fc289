using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orders.Domain;
using Shop.Contracts.Inventory.V1;

namespace Orders.Bench;

/// <summary>The orders service, whole and in process, on a real database and broker.</summary>
internal sealed class ManyOrders : ServiceFixture<Program>
{
    private const int Rounds = 300;

    public static Product Lamp { get; } = new("LAMP", "Lamp", new Money(19.99m, "EUR"));

    public static Product Desk { get; } = new("DESK", "Desk", new Money(249m, "EUR"));

    public static Address Address { get; } = new("Ada Lovelace", "1 Analytical Way", null, "London", "N1 9GU", "GB");

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        using var probe = Anonymous();
        await Poll.UntilAsync(
            async () => (await probe.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode, "orders to be ready", TimeSpan.FromMinutes(1));
        await using (var scope = Services.CreateAsyncScope())
        {
            foreach (var product in new[] { Lamp, Desk })
            {
                var added = new ProductAdded(
                    product.Sku,
                    product.Name,
                    new Shop.Contracts.Money(product.UnitPrice.Amount, product.UnitPrice.Currency),
                    [],
                    TimeProvider.System.GetUtcNow());
                await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(added, 1);
            }

            await scope.ServiceProvider.GetRequiredService<DbContext>().SaveChangesAsync();
        }

        await Poll.UntilAsync(async () => await Database.ScalarAsync<long>("SELECT count(*) FROM catalogue_products") == 2, "the products to be known");
    }

    /// <returns>Milliseconds.</returns>
    public async Task<double> LoadAndDecide()
    {
        var (id, now) = (Ids.New(TimeProvider.System), TimeProvider.System.GetUtcNow());
        OrderCommand[] commands = [new Draft(id, id, "EUR", now), .. Enumerable.Range(0, 99).Select(_ => new AddItem(Lamp, 1, now))];
        await InScopeAsync<OrderStore, VersionedOrder>(
            store => store.ChangeAsync(id, ExpectedVersion.Any, (_, _) => Task.FromResult<IReadOnlyList<OrderCommand>>(commands), CancellationToken.None));
        return await Median(() => InScopeAsync<OrderStore, bool>(async store =>
        {
            var order = await store.LoadAsync(id, toVersion: null, until: null, CancellationToken.None);
            return order!.Version == 100 && Order.Decide(order.State, new AddItem(Lamp, 1, now)) is Decision.Accepted;
        }));
    }

    public static async Task Place(HttpClient customer)
    {
        var address = new { name = Address.Name, line1 = Address.Line1, city = Address.City, postalCode = Address.PostalCode, country = Address.Country };
        using var response = await customer.PostAsJsonAsync(
            "/v1/orders",
            new
            {
                items = new[] { new { sku = Lamp.Sku, quantity = 2 }, new { sku = Desk.Sku, quantity = 1 } },
                submit = new { paymentMethod = "pm_card_visa", shippingAddress = address },
            });
        response.EnsureSuccessStatusCode();
    }

    public static async Task<bool> Get(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return response.EnsureSuccessStatusCode().IsSuccessStatusCode;
    }

    /// <returns>Milliseconds.</returns>
    public static async Task<double> Median(Func<Task<bool>> work)
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

    /// <summary>Runs something as the owner of the schema, however long it takes.</summary>
    public async Task Execute(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(Database.Migrations);
        await connection.OpenAsync();
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync();
        }
    }

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    protected override void Configure(IDictionary<string, string> settings)
    {
        settings["Logging:LogLevel:Default"] = "Error";
        settings["Payments:ApiKey"] = "a-key-of-these-tests";
    }
}
