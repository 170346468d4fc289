using System.Text.Json;
using System.Text.Json.Nodes;
using Chassis.EventSourcing;
using Chassis.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Orders.Domain;
using Orders.ReadModels;

namespace Orders.Tests.ReadModels;

/// <summary>What is sealed in the stream is taken out of the read model, where it stands open.</summary>
public sealed class An_erased_customer(OrdersFixture orders)
{
    // Of goods, carriers and the provider, and codes. Why an order failed is said in the system's own words.
    private static readonly string[] NotPersonal = ["currency", "lines", "paymentMethod", "shipment"];

    public static TheoryData<string> Texts => [.. DomainTypes.Texts(typeof(OrderState)).Select(t => t.Name).Except([nameof(OrderState.Currency)])];

    /// <summary>One text at a time: a row with nothing else that is personal must be found, too.</summary>
    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Leaves_no_text_in_an_order_but_what_is_named_as_not_personal(string text)
    {
        var (id, customer) = (OrdersFixture.NewId(), OrdersFixture.NewId());
        var name = JsonNamingPolicy.CamelCase.ConvertName(text);
        var row = new JsonObject
        {
            [name] = JsonSerializer.SerializeToNode(AnyValue.Of(typeof(OrderState).GetProperty(text)!.PropertyType), EventSerializer.Options),
        };
        await orders.Database.ExecuteAsync(
            $"""
            INSERT INTO orders (id, user_id, status, created_at, version, document)
            VALUES ('{id}', '{customer}', '{(text == nameof(OrderState.Reason) ? "cancelled" : "draft")}', now(), 1, '{row.ToJsonString()}')
            """);

        await using var scope = orders.Services.CreateAsyncScope();
        await OrdersProjection.ForgetAsync(scope.ServiceProvider.GetRequiredService<DbContext>(), customer, TestContext.Current.CancellationToken);

        var left = await orders.Database.ScalarAsync<string>($"SELECT document::text FROM orders WHERE id = '{id}'");
        left.Contains(AnyValue.Text, StringComparison.Ordinal).ShouldBe(
            NotPersonal.Contains(name), $"{name} is taken out by OrdersProjection.WithoutPersonalData and found by HasPersonalData, or named here");
        await orders.Database.ExecuteAsync($"DELETE FROM orders WHERE id = '{id}'");
    }

}
