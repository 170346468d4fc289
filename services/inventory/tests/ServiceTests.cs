using Chassis.Testing;
using Inventory.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Shop.Testing;

namespace Inventory.Tests;

public sealed class ServiceTests(InventoryFixture inventory)
{
    private AuthorizationMatrix<Program> Matrix =>
        new AuthorizationMatrix<Program>(inventory)
            .Row("GET /v1/products", MatrixRow.Everybody)
            .Row("GET /v1/products/{sku}", MatrixRow.Everybody)
            .Row(
                "POST /v1/products",
                MatrixRow.SystemOperatorsOnly,
                () => With(new { sku = $"matrix-{Guid.CreateVersion7()}", name = "Matrix", price = Price, components = Parts }))
            .Row(
                "POST /v1/products/import",
                MatrixRow.SystemOperatorsOnly,
                () => With(new { products = new[] { new { sku = $"matrix-{Guid.CreateVersion7()}", name = "Matrix", price = Price, components = Parts } } }))
            .Row("PUT /v1/products/{sku}/price", MatrixRow.SystemOperatorsOnly, () => With(new { price = Price }))
            .Row("DELETE /v1/products/{sku}", MatrixRow.SystemOperatorsOnly)
            .Row("POST /v1/products/{sku}/receipts", MatrixRow.SystemOperatorsOnly, () => With(new { quantity = 1, reference = "matrix" }))
            .Row("POST /v1/products/{sku}/adjustments", MatrixRow.SystemOperatorsOnly, () => With(new { quantity = 1, reason = "matrix" }))
            .Row("GET /v1/products/{sku}/stock", MatrixRow.OperatorsOnly)
            .Row("GET /v1/products/{sku}/movements", MatrixRow.OperatorsOnly)
            .Row("GET /v1/products/{sku}/history", MatrixRow.OperatorsOnly)
            .Row("GET /v1/reservations", MatrixRow.OperatorsOnly)
            .Row("GET /v1/reservations/{orderId}", MatrixRow.OperatorsOnly)
            .Row("GET /v1/shipments", MatrixRow.OperatorsOnly)
            .Row("GET /v1/shipments/{id}", MatrixRow.OperatorsOnly)
            .Row("POST /v1/shipments/{id}/dispatch", MatrixRow.OperatorsOnly, () => With(new { carrier = "matrix", trackingNumber = "1" }))
            .Row("GET /v1/ops/stock-audit", MatrixRow.SystemOperatorsOnly)
            .ChassisRows();

    [Fact]
    public Task Everybody_reads_the_catalogue_and_operators_do_the_rest() => Matrix.VerifyAsync();

    [Fact]
    public Task What_is_beyond_the_bounds_that_are_described_is_refused() => Matrix.VerifyBoundsAsync();

    [Fact]
    public async Task A_token_ends_with_its_session()
    {
        await using var own = new InventoryFixture();
        await own.InitializeAsync();
        await new EndedSessionsCheck<Program>(own, "/v1/products").VerifyAsync();
    }

    [Fact]
    public async Task Shows_pages_that_work_under_their_own_headers()
    {
        using var client = inventory.Operator();
        (await ServedPages.VerifyAsync(inventory.Services, client)).ShouldBe(["/docs", "/asyncapi"], ignoreOrder: true);
    }

    [Fact]
    public async Task The_model_and_the_migrated_database_agree()
    {
        await using var scope = inventory.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<InventoryDbContext>().VerifySchemaAsync(inventory.Database.Migrations, "recipe_shipments");
    }

    [Fact]
    public void Refuses_settings_with_whatever_wrong_in_them() => SettingsWalk.Verify(inventory.Services).ShouldBeGreaterThan(10);

    private static object Price => new { amount = "19.99", currency = "EUR" };

    private static object[] Parts => [new { sku = "none", quantity = 1 }];

    private static Task<MatrixRequest> With(object body) => Task.FromResult(new MatrixRequest(Guid.CreateVersion7(), Body: body));
}
