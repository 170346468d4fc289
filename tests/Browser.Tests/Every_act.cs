using System.Text.Json;
using Chassis.Testing;
using Shop.BrowserTests.Running;
using Shop.Cluster;

namespace Shop.BrowserTests;

/// <summary>What an operator can do on a page, done there; what is done with orders and failed messages has tests of its own.</summary>
public sealed class Every_act(RunningConsole console)
{
    [Fact]
    public async Task On_a_persons_page_is_done_to_that_person_and_stands_there_with_its_reason()
    {
        using var person = await ShopClient.RegisterAsync(console.Cluster, "cleo");
        await using var tab = await console.SignedInAsync();
        var because = $"Asked on the telephone, {Guid.NewGuid():n}";

        await tab.GoAsync($"/people/{person.UserId}");
        await tab.ActAsync("Give a role", because);
        await tab.SaysAsync(".notice", "The role is");
        await tab.ActAsync("Deactivate", because);
        await tab.SaysAsync(".notice", "deactivated");
        await tab.SaysAsync("h1 .mark", "deactivated");
        await tab.ActAsync("Reactivate", because);
        await tab.SaysAsync("h1 .mark", "active");
        (await tab.TextAsync("main")).ShouldContain(because);
        await tab.PictureAsync("person");
    }

    [Fact]
    public async Task On_a_products_page_moves_its_stock()
    {
        var sku = await console.ProductAsync(stock: 5);
        await using var tab = await console.SignedInAsync();

        await tab.GoAsync($"/stock/{sku}");
        await tab.ActAsync("Receive", fields: [("Quantity", "7"), ("Reference", "delivery note 12")]);
        await tab.SaysAsync(".notice", "7 pieces received");
        await tab.ActAsync("Adjust", "One was broken.", fields: [("Quantity", "-1")]);
        await tab.SaysAsync(".notice", "corrected");
        (await console.Operator.GetAsync("inventory", $"/v1/products/{sku}/stock")).GetProperty("onHand").GetInt32().ShouldBe(11);
        await tab.SaysAsync("main table", "delivery note 12");
        await tab.PictureAsync("product");
    }

    [Fact]
    public async Task On_a_failed_message_can_be_taken_back()
    {
        var letter = await console.PoisonAsync("orders", "shop.product.added.v1", $"acts-{Guid.NewGuid():n}", new { sku = "ACTS" });
        await using var tab = await console.SignedInAsync();

        await tab.GoAsync($"/failed/orders/{letter}");
        await tab.ActAsync("Delete", "It was a test.");
        await tab.SaysAsync("h1 .mark", "deleted");
        await tab.ActAsync("Bring it back", "It was none.");
        await tab.SaysAsync("h1 .mark", "open");
        await tab.ActAsync("Park", "Somebody else mends it.");
        await tab.SaysAsync("h1 .mark", "parked");
        await tab.ActAsync("Open again", "It is mended.");
        await tab.SaysAsync("h1 .mark", "open");
        await tab.ActAsync("Note", fields: [("Text", "The partner knows of it.")]);
        await tab.SaysAsync("main", "The partner knows of it.");
        (await console.LetterAsync("orders", letter)).GetProperty("body").GetProperty("sku").GetString().ShouldBe("ACTS");
    }

    [Fact]
    public async Task On_a_webhooks_page_is_about_that_webhook()
    {
        var webhook = (await console.Operator.PostAsync(
            "notifications", "/v1/webhooks", new { url = "http://127.0.0.1:9/hooks", eventTypes = new[] { "shop.nothing.*" } })).GetProperty("id").GetGuid();
        await using var tab = await console.SignedInAsync();

        await tab.GoAsync($"/webhooks/{webhook}");
        await tab.ActAsync("Test");
        await tab.SaysAsync(".notice", "A test event is on its way");
        await Poll.UntilAsync(
            async () => (await console.Operator.GetAsync("notifications", $"/v1/webhooks/{webhook}/deliveries")).GetProperty("items").GetArrayLength(),
            n => n == 1,
            "the test's delivery",
            RunningConsole.Patience);
        await tab.ActAsync("Rotate the secret");
        await tab.SaysAsync(".notice", "whsec_");
        await tab.ActAsync("Disable");
        await tab.SaysAsync("h1 .mark", "disabled");
        await tab.ActAsync("Enable");
        await tab.SaysAsync("h1 .mark", "active");
        await tab.PictureAsync("webhook");
        await console.Operator.CallAsync(HttpMethod.Delete, "notifications", $"/v1/webhooks/{webhook}");
    }

    [Fact]
    public async Task On_a_projection_makes_it_anew()
    {
        await using var tab = await console.SignedInAsync();
        await tab.GoAsync("/projections");
        await tab.ActAsync("Make anew");
        await tab.SaysAsync(".notice", "is being made anew");
        await Poll.UntilAsync(
            async () => (await console.Operator.GetAsync("orders", "/v1/ops/projections")).GetProperty("items").EnumerateArray()
                .Count(p => p.GetProperty("rebuild") is { ValueKind: JsonValueKind.Object } r && r.GetProperty("state").GetString() == "completed"),
            n => n == 1,
            "the read model to be made anew",
            RunningConsole.Patience);
        await tab.SaysAsync("main", "completed");
        await tab.PictureAsync("projections-made-anew");
    }
}
