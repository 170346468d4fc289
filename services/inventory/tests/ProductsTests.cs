using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Inventory.Tests;

public sealed class ProductsTests(InventoryFixture inventory)
{
    private readonly HttpClient _client = inventory.Client;

    [Fact]
    public async Task A_product_is_there_for_everybody_once_it_is_added_and_everybody_is_told()
    {
        var sku = InventoryFixture.NewSku("LAMP");
        var created = await _client.PostAsJsonAsync(
            "/v1/products", new { sku, name = "Desk lamp", price = new { amount = "19.9", currency = "EUR" }, reorderPoint = 5 });

        created.StatusCode.ShouldBe(HttpStatusCode.Created);
        created.Headers.Location!.ToString().ShouldBe($"/v1/products/{sku}");
        created.Headers.ETag!.Tag.ShouldBe("\"1\"");

        var product = await _client.GetFromJsonAsync<JsonElement>($"/v1/products/{sku}");
        product.GetProperty("sku").GetString().ShouldBe(sku);
        product.GetProperty("name").GetString().ShouldBe("Desk lamp");
        product.GetProperty("price").GetRawText().ShouldBe("""{"amount":"19.90","currency":"EUR"}""");
        product.GetProperty("reorderPoint").GetInt32().ShouldBe(5);
        product.GetProperty("status").GetString().ShouldBe("active");
        product.GetProperty("components").GetArrayLength().ShouldBe(0);

        var told = (await inventory.Events.WaitFor("shop.product.added.v1", sku)).ShouldHaveSingleItem();
        told.Sequence.ShouldBe(1);
        told.Data.GetProperty("name").GetString().ShouldBe("Desk lamp");
    }

    [Fact]
    public async Task Everybody_sees_what_is_sold_and_nobody_but_operators_what_is_not_or_how_it_is_made()
    {
        var part = await inventory.AddAsync(InventoryFixture.NewSku());
        var (sold, gone) = (InventoryFixture.NewSku("SOLD"), InventoryFixture.NewSku("GONE"));
        foreach (var sku in (string[])[sold, gone])
        {
            (await Post(
                new
                {
                    sku, name = "A set", price = Price("5.00"), reorderPoint = 3, components = new[] { new { sku = part, quantity = 2 } },
                })).EnsureSuccessStatusCode();
        }

        (await _client.DeleteAsync($"/v1/products/{gone}")).EnsureSuccessStatusCode();
        using var anonymous = inventory.Anonymous();
        using var customer = inventory.ClientFor(Guid.CreateVersion7());
        foreach (var stranger in (HttpClient[])[anonymous, customer])
        {
            var seen = await stranger.GetFromJsonAsync<JsonElement>($"/v1/products/{sold}");
            var listed = (await stranger.GetFromJsonAsync<JsonElement>($"/v1/products?search={sold}"))
                .GetProperty("items")
                .EnumerateArray()
                .ShouldHaveSingleItem();
            foreach (var product in (JsonElement[])[seen, listed])
            {
                product.GetProperty("price").GetProperty("amount").GetString().ShouldBe("5.00");
                product.TryGetProperty("components", out _).ShouldBeFalse();
                product.TryGetProperty("reorderPoint", out _).ShouldBeFalse();
            }

            await Refused(await stranger.GetAsync($"/v1/products/{gone}"), HttpStatusCode.NotFound);
            await Refused(await stranger.GetAsync("/v1/products?status=discontinued"), HttpStatusCode.Forbidden);
            await Refused(await stranger.GetAsync("/v1/products?status=all"), HttpStatusCode.Forbidden);
        }

        (await _client.GetFromJsonAsync<JsonElement>($"/v1/products/{gone}")).GetProperty("components").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task A_sku_is_taken_once()
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku());

        await Refused(await Post(new { sku, name = "Another", price = new { amount = "1.00", currency = "EUR" } }), HttpStatusCode.Conflict, "sku_taken");
    }

    [Fact]
    public async Task Of_concurrent_requests_for_one_sku_one_wins()
    {
        var sku = InventoryFixture.NewSku();
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            _ => Post(new { sku, name = "Raced", price = new { amount = "1.00", currency = "EUR" } })));

        answers.Count(a => a.StatusCode == HttpStatusCode.Created).ShouldBe(1);
        answers.Count(a => a.StatusCode == HttpStatusCode.Conflict).ShouldBe(7);
    }

    [Theory]
    [InlineData("""{"name":"x","price":{"amount":"1","currency":"EUR"}}""", null)]
    [InlineData("""{"sku":"","name":"x","price":{"amount":"1","currency":"EUR"}}""", "sku")]
    [InlineData("""{"sku":"A B","name":"x","price":{"amount":"1","currency":"EUR"}}""", "sku")]
    [InlineData("""{"sku":"BAD","name":"","price":{"amount":"1","currency":"EUR"}}""", "name")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"0","currency":"EUR"}}""", "price")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"-1","currency":"EUR"}}""", "price")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1.234","currency":"EUR"}}""", "price")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"ZZZ"}}""", "price")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":1,"currency":"EUR"}}""", null)]
    [InlineData("""{"sku":"BAD","name":"x","price":null}""", null)]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"colour":"red"}""", null)]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"reorderPoint":-1}""", "reorderPoint")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"components":[{"sku":"BAD","quantity":1}]}""", "components[0].sku")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"components":[{"sku":"NO-SUCH","quantity":1}]}""", "components[0].sku")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"components":[{"sku":"X","quantity":0}]}""", "components[0].quantity")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"components":[{"sku":"X","quantity":1},{"sku":"X","quantity":1}]}""", "components[1].sku")]
    [InlineData("""{"sku":"BAD","name":"x","price":{"amount":"1","currency":"EUR"},"components":[null]}""", "components[0]")]
    [InlineData("""{"sku":"BAD","name":"x",""", null)]
    public async Task Bad_input_is_400_with_the_field_and_nothing_is_stored(string body, string? field)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        var problem = await Refused(await _client.PostAsync("/v1/products", content), HttpStatusCode.BadRequest);

        if (field is not null)
        {
            problem.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(problem.GetRawText());
        }

        (await _client.GetAsync("/v1/products/BAD")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_recipe_takes_no_discontinued_component()
    {
        var part = await inventory.AddAsync(InventoryFixture.NewSku());
        await _client.DeleteAsync($"/v1/products/{part}");

        await Refused(
            await Post(new { sku = InventoryFixture.NewSku(), name = "Set", price = Price("1.00"), components = new[] { new { sku = part, quantity = 1 } } }),
            HttpStatusCode.Conflict, "product_discontinued");
    }

    [Fact]
    public async Task A_new_price_is_told_with_the_old_one_and_the_history_keeps_both()
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku());

        var changed = await _client.PutAsJsonAsync($"/v1/products/{sku}/price", new { price = Price("12.50") });
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        changed.Headers.ETag!.Tag.ShouldBe("\"2\"");
        (await _client.PutAsJsonAsync($"/v1/products/{sku}/price", Price("13.00"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await _client.PutAsJsonAsync($"/v1/products/{sku}/price", Price("13.00"))).Headers.ETag!.Tag.ShouldBe("\"3\"", "the same price is no change");

        var told = await inventory.Events.WaitFor("shop.product.price-changed.v1", sku, 2);
        told.Select(
            e => (
                e.Sequence, e.Data.GetProperty("oldPrice").GetProperty("amount").GetString(), e.Data.GetProperty("newPrice").GetProperty("amount").GetString()))
            .ShouldBe([(2, "10.00", "12.50"), (3, "12.50", "13.00")], ignoreOrder: true);

        var history = await _client.GetFromJsonAsync<JsonElement>($"/v1/products/{sku}/history");
        history.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("eventType").GetString())
            .ShouldBe(["product-added", "price-changed", "price-changed"]);
    }

    [Theory]
    [InlineData("""{"price":{"amount":"0","currency":"EUR"}}""")]
    [InlineData("""{"price":{"amount":"1","currency":"EUR"},"amount":"1","currency":"EUR"}""")]
    [InlineData("""{"amount":"one","currency":"EUR"}""")]
    [InlineData("""{}""")]
    public async Task What_is_no_price_is_400(string body)
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku());
        using var content = new StringContent(body, Encoding.UTF8, "application/json");

        await Refused(await _client.PutAsync($"/v1/products/{sku}/price", content), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_write_that_expects_another_version_is_412()
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku());
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/v1/products/{sku}/price") { Content = JsonContent.Create(new { price = Price("2.00") }) };
        request.Headers.TryAddWithoutValidation("If-Match", "\"7\"");

        await Refused(await _client.SendAsync(request), HttpStatusCode.PreconditionFailed);
    }

    [Fact]
    public async Task A_discontinued_product_stays_readable_leaves_the_list_and_takes_no_more_prices()
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku("GONE"));

        (await _client.DeleteAsync($"/v1/products/{sku}")).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await _client.DeleteAsync($"/v1/products/{sku}")).StatusCode.ShouldBe(HttpStatusCode.NoContent, "twice is once");

        (await _client.GetFromJsonAsync<JsonElement>($"/v1/products/{sku}")).GetProperty("status").GetString().ShouldBe("discontinued");
        (await Listed($"search={sku}")).ShouldBeEmpty();
        (await Listed($"search={sku}&status=discontinued")).ShouldBe([sku]);
        (await Listed($"search={sku}&status=all")).ShouldBe([sku]);
        await Refused(
            await _client.PutAsJsonAsync($"/v1/products/{sku}/price", new { price = Price("2.00") }), HttpStatusCode.Conflict, "product_discontinued");
        (await inventory.Events.WaitFor("shop.product.discontinued.v1", sku)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task The_list_is_searched_by_name_and_sku_and_paged_without_gaps()
    {
        var mark = InventoryFixture.NewSku("Find_me%");
        var skus = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var sku = InventoryFixture.NewSku("PAGED");
            skus.Add(sku);
            (await Post(new { sku, name = $"{mark} number {i}", price = Price("1.00") })).EnsureSuccessStatusCode();
        }

        using var anonymous = inventory.Anonymous();
        var found = new List<string>();
        string? cursor = null;
        do
        {
            var page = await anonymous.GetFromJsonAsync<JsonElement>(
                $"/v1/products?limit=2&search={Uri.EscapeDataString(mark.ToUpperInvariant())}{(cursor is null ? "" : $"&cursor={cursor}")}");
            found.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("sku").GetString()!));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        found.ShouldBe(skus.Order(StringComparer.Ordinal));
        (await Listed("search=no-such-thing")).ShouldBeEmpty();
        await Refused(await anonymous.GetAsync("/v1/products?limit=0"), HttpStatusCode.BadRequest);
        await Refused(await anonymous.GetAsync("/v1/products?cursor=nonsense"), HttpStatusCode.BadRequest);
        await Refused(await anonymous.GetAsync("/v1/products?status=sold"), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task What_is_not_there_is_404()
    {
        foreach (var path in (string[])["", "/stock", "/movements", "/history"])
        {
            await Refused(await _client.GetAsync($"/v1/products/NO-SUCH{path}"), HttpStatusCode.NotFound);
            await Refused(await _client.GetAsync($"/v1/products/not%20a%20sku{path}"), HttpStatusCode.NotFound);
        }

        await Refused(await _client.GetAsync($"/v1/reservations/{Guid.CreateVersion7()}"), HttpStatusCode.NotFound);
        await Refused(await _client.GetAsync($"/v1/shipments/{Guid.CreateVersion7()}"), HttpStatusCode.NotFound);
        await Refused(await _client.DeleteAsync("/v1/products/NO-SUCH"), HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_same_request_with_the_same_key_is_answered_again_and_done_once()
    {
        var sku = await inventory.AddAsync(InventoryFixture.NewSku());
        var key = Guid.CreateVersion7().ToString();

        async Task<HttpResponseMessage> Receive(int quantity)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/products/{sku}/receipts")
            {
                Content = JsonContent.Create(new { quantity, reference = "note 1" }),
            };
            request.Headers.Add("Idempotency-Key", key);
            return await _client.SendAsync(request);
        }

        var first = await Receive(5);
        var second = await Receive(5);

        second.StatusCode.ShouldBe(HttpStatusCode.Created);
        second.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await second.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await Receive(6)).StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await inventory.StockAsync(sku)).OnHand.ShouldBe(5);
    }

    internal static async Task<JsonElement> Refused(HttpResponseMessage response, HttpStatusCode status, string? code = null)
    {
        var body = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(status, body);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        var problem = JsonSerializer.Deserialize<JsonElement>(body);
        problem.GetProperty("status").GetInt32().ShouldBe((int)status);
        if (code is not null)
        {
            problem.GetProperty("type").GetString()!.ShouldEndWith(code);
        }

        return problem;
    }

    private static object Price(string amount) => new { amount, currency = "EUR" };

    private Task<HttpResponseMessage> Post(object body) => _client.PostAsJsonAsync("/v1/products", body);

    private async Task<string[]> Listed(string query)
    {
        var page = await _client.GetFromJsonAsync<JsonElement>($"/v1/products?{query}");
        return [.. page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("sku").GetString()!)];
    }
}
