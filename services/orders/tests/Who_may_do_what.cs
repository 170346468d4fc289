using Chassis.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orders.Persistence;
using Shop.Testing;
using static Orders.Tests.OrdersFixture;

namespace Orders.Tests;

/// <summary>Every route and every kind of caller, and the tables behind them.</summary>
public sealed class Who_may_do_what(OrdersFixture orders)
{
    private static readonly MatrixRow OwnOrder = new(Anonymous: 401, Owner: 200, Other: 404, Operator: 200, OtherTenant: 404);
    private static readonly MatrixRow OwnOrderLater = new(Anonymous: 401, Owner: 202, Other: 404, Operator: 202, OtherTenant: 404);

    [Fact]
    public async Task Ends_with_the_session()
    {
        await using var own = new OrdersFixture();
        await own.InitializeAsync();
        await new EndedSessionsCheck<Program>(own, "/v1/orders").VerifyAsync();
    }

    [Fact]
    public async Task Shows_in_pages_that_work_under_their_own_headers()
    {
        using var client = orders.Operator();
        (await ServedPages.VerifyAsync(orders.Services, client)).ShouldBe(["/docs", "/asyncapi"], ignoreOrder: true);
    }

    private AuthorizationMatrix<Program> Matrix => new AuthorizationMatrix<Program>(orders)
        .Row("GET /v1/orders", new MatrixRow(401, 200, 200, 200, 200))
        .Row(
            "POST /v1/orders",
            new MatrixRow(401, 201, 201, 201, 201),
            () => Task.FromResult(new MatrixRequest(NewId(), Body: new { items = new[] { new { sku = Lamp, quantity = 1 } }, submit = Paying("19.99") })))
        .Row("GET /v1/orders/{id}", OwnOrder, () => Order())
        .Row("GET /v1/orders/{id}/events", OwnOrder, () => Order())
        .Row("GET /v1/orders/{id}/stream", OwnOrder, () => Order())
        .Row("POST /v1/orders/{id}/items", OwnOrder, () => Order(new { sku = Desk, quantity = 1 }))
        .Row("DELETE /v1/orders/{id}/items/{sku}", OwnOrder, () => Order())
        .Row("POST /v1/orders/{id}/submit", OwnOrderLater, () => Order(Paying("39.98")))
        .Row("POST /v1/orders/{id}/cancel", OwnOrderLater, () => Order(new { reason = "test" }))
        .Row("GET /v1/statistics/sales", MatrixRow.OperatorsOnly)
        .Row("GET /v1/orders/{id}/fulfilment", OwnOrder, Placed)
        .Row("GET /v1/payments", new MatrixRow(401, 200, 200, 200, 200))
        .Row("GET /v1/payments/{id}", new MatrixRow(Anonymous: 401, Owner: 200, Other: 404, Operator: 200, OtherTenant: 404), Payment)
        .Row("GET /v1/ops/payments/reconciliation", MatrixRow.SystemOperatorsOnly)
        .Row("POST /v1/ops/payments/{id}/ask", MatrixRow.SystemOperatorsOnly)
        .Row("GET /v1/ops/fulfilments", MatrixRow.SystemOperatorsOnly)
        .Row("GET /v1/ops/fulfilments/states", MatrixRow.SystemOperatorsOnly)
        .Row("GET /v1/ops/fulfilments/graph", MatrixRow.SystemOperatorsOnly)
        .ChassisRows();

    [Fact]
    public Task Is_the_same_on_every_route() => Matrix.VerifyAsync();

    [Fact]
    public Task Refuses_what_is_beyond_the_bounds_that_are_described() => Matrix.VerifyBoundsAsync();

    [Fact]
    public async Task Rests_on_tables_that_are_as_the_model_says()
    {
        await using var scope = orders.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<OrdersDbContext>().VerifySchemaAsync(
            orders.Database.Migrations,
            "orders", "orders_shadow", "sales_by_day", "sales_by_day_shadow", "sales_by_product", "sales_by_product_shadow",
            "catalogue_products.name_sequence", "catalogue_products.price_sequence", "catalogue_products.state_sequence");
    }

    [Fact]
    public void Refuses_settings_with_whatever_wrong_in_them() => SettingsWalk.Verify(orders.Services).ShouldBeGreaterThan(10);

    private static object Paying(string amount) =>
        new { paymentMethod = "pm_card_visa", shippingAddress = Address, expectedTotal = new { amount, currency = "EUR" } };

    private async Task<MatrixRequest> Placed()
    {
        var owner = NewId();
        using var client = orders.ClientFor(owner);
        return new MatrixRequest(owner, new Dictionary<string, string> { ["id"] = (await Place(client)).ToString() });
    }

    private async Task<MatrixRequest> Payment()
    {
        var request = await Placed();
        var (order, payment) = (request.RouteValues!["id"], NewId());
        await orders.Database.ExecuteAsync(
            $"""
            INSERT INTO payments (id, order_id, user_id, status, amount, currency, payment_method, version, created_at, updated_at, attempts, authorization_attempted)
            VALUES ('{payment}', '{order}', '{request.OwnerId}', 'authorized', 39.98, 'EUR', 'pm_card_visa', 1, now(), now(), 1, true)
            """);
        return request with { RouteValues = new Dictionary<string, string> { ["id"] = payment.ToString() } };
    }

    private async Task<MatrixRequest> Order(object? body = null)
    {
        var owner = NewId();
        using var client = orders.ClientFor(owner);
        var id = await Draft(client);
        return new MatrixRequest(owner, new Dictionary<string, string> { ["id"] = id.ToString(), ["sku"] = Lamp }, body);
    }
}
