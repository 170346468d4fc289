using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using static Inventory.Tests.ProductsTests;

namespace Inventory.Tests;

public sealed class ImportTests(InventoryFixture inventory)
{
    private readonly HttpClient _client = inventory.Client;

    [Fact]
    public async Task A_catalogue_is_loaded_whatever_the_order_of_its_rows()
    {
        var (desk, drawer, screw) = (InventoryFixture.NewSku("DESK"), InventoryFixture.NewSku("DRAWER"), InventoryFixture.NewSku("SCREW"));
        var result = await Imported(
            Row(desk, components: [(drawer, 2), (screw, 2)]),
            Row(drawer, components: [(screw, 4)]),
            Row(screw, initialStock: 100));

        result.GetProperty("added").GetInt32().ShouldBe(3);
        result.GetProperty("rows")[0].GetRawText().ShouldBe($$"""{"sku":"{{desk}}","outcome":"added"}""");
        (await inventory.StockAsync(screw)).OnHand.ShouldBe(100);
        (await inventory.StockAsync(desk)).Available.ShouldBe(10);
        await inventory.Events.WaitFor("shop.product.added.v1", desk);
        await inventory.Events.WaitFor("shop.stock.received.v1", screw);
    }

    [Fact]
    public async Task Loading_it_again_changes_nothing_but_prices()
    {
        var (a, b) = (InventoryFixture.NewSku(), InventoryFixture.NewSku());
        await Imported(Row(a, initialStock: 7), Row(b));

        var again = await Imported(Row(a, initialStock: 7), Row(b, amount: "4.00"));

        again.GetProperty("added").GetInt32().ShouldBe(0);
        again.GetProperty("unchanged").GetInt32().ShouldBe(1);
        again.GetProperty("priceChanged").GetInt32().ShouldBe(1);
        (await inventory.StockAsync(a)).OnHand.ShouldBe(7);
        (await _client.GetFromJsonAsync<JsonElement>($"/v1/products/{b}")).GetProperty("price").GetProperty("amount").GetString().ShouldBe("4.00");
    }

    [Fact]
    public async Task Every_wrong_row_is_told_and_nothing_is_loaded()
    {
        var good = InventoryFixture.NewSku();
        var existing = await inventory.AddAsync(InventoryFixture.NewSku());
        var problem = await Refused(await Import(
            Row(good, initialStock: 5),
            Row("not a sku", amount: "free"),
            new { sku = InventoryFixture.NewSku(), price = new { amount = "1.00", currency = "EUR" } },
            Row(good)), HttpStatusCode.BadRequest);

        Fields(problem).ShouldBe(["products[1].price.amount", "products[1].sku", "products[2].name", "products[3].sku"]);
        (await _client.GetAsync($"/v1/products/{good}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);

        var (a, b) = (InventoryFixture.NewSku("A"), InventoryFixture.NewSku("B"));
        var second = await Refused(await Import(
            Row(good, initialStock: 5),
            Row(a, components: [(b, 1)]),
            Row(b, components: [(a, 1)]),
            Row(InventoryFixture.NewSku(), components: [("NO-SUCH", 1)]),
            Row(existing, name: "Renamed")), HttpStatusCode.BadRequest);

        Fields(second).ShouldBe(["products[1].components", "products[2].components", "products[3].components[0].sku", "products[4].name"]);
        second.GetProperty("errors").GetProperty("products[1].components")[0].GetString().ShouldBe($"A recipe cycle: {a} → {b} → {a}.");
        (await _client.GetAsync($"/v1/products/{good}")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_recipe_may_name_what_is_in_the_catalogue_already_but_not_what_is_discontinued()
    {
        var (part, gone) = (await inventory.StockedAsync(9), await inventory.AddAsync(InventoryFixture.NewSku()));
        await _client.DeleteAsync($"/v1/products/{gone}");
        var set = InventoryFixture.NewSku("SET");

        Fields(await Refused(await Import(Row(set, components: [(part, 3), (gone, 1)]), Row(gone, name: $"Product {gone}")), HttpStatusCode.BadRequest))
            .ShouldBe(["products[0].components[1].sku", "products[1].sku"]);
        await Imported(Row(set, components: [(part, 3)]));
        (await inventory.StockAsync(set)).Available.ShouldBe(3);
    }

    [Fact]
    public async Task Stock_for_a_product_with_a_recipe_is_refused()
    {
        var part = await inventory.StockedAsync(9);

        Fields(await Refused(
            await Import(new
            {
                sku = InventoryFixture.NewSku(), name = "Set", price = new
                {
                    amount = "1.00", currency = "EUR",
                }, components = new[] { new { sku = part, quantity = 1 } }, initialStock = 5,
            }), HttpStatusCode.BadRequest)).ShouldBe(["products[0].initialStock"]);
    }

    [Fact]
    public async Task Two_imports_of_the_same_file_at_once_load_it_once()
    {
        var rows = Enumerable.Range(0, 50).Select(_ => Row(InventoryFixture.NewSku(), initialStock: 3)).ToArray();

        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Imported(rows)));

        results.Sum(r => r.GetProperty("added").GetInt32()).ShouldBe(50);
        await inventory.ShouldAddUpAsync();
    }

    [Theory]
    [InlineData("""{"products":[]}""")]
    [InlineData("""{"products":[null]}""")]
    [InlineData("""{"products":null}""")]
    [InlineData("""{}""")]
    [InlineData("""[]""")]
    [InlineData("""{"products":[{"sku":"A","size":3}]}""")]
    public async Task What_is_no_catalogue_is_400(string body)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");

        await Refused(await _client.PostAsync("/v1/products/import", content), HttpStatusCode.BadRequest);
    }

    private static object Row(
        string sku, string? name = null, string amount = "3.00", (string Sku, int Quantity)[]? components = null, int? initialStock = null) =>
        new
        {
            sku,
            name = name ?? $"Imported {sku}",
            price = new { amount, currency = "EUR" },
            components = components?.Select(c => new { sku = c.Sku, quantity = c.Quantity }),
            initialStock,
        };

    private static string[] Fields(JsonElement problem) =>
        [.. problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).Order(StringComparer.Ordinal)];

    private Task<HttpResponseMessage> Import(params object[] products) => _client.PostAsJsonAsync("/v1/products/import", new { products });

    private async Task<JsonElement> Imported(params object[] products)
    {
        var response = await Import(products);
        response.StatusCode.ShouldBe(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }
}
