using System.Text.Json;
using Chassis.Testing;
using Shop.BrowserTests.Running;

namespace Shop.BrowserTests;

/// <summary>A message that a service has given up, in the hands of the people who look after it.</summary>
public sealed class A_failed_message(RunningConsole console)
{
    private const string Added = "shop.product.added.v1";

    [Fact]
    public async Task Is_found_edited_against_its_schema_and_sent_again_and_the_audit_says_by_whom_and_why()
    {
        var sku = $"POISON-{Guid.NewGuid():n}"[..20].ToUpperInvariant();
        var letter = await console.PoisonAsync("orders", Added, sku, Product(sku, "euro"));
        await using var tab = await console.SignedInAsync();

        await tab.Page.ClickAsync("nav >> text=Failed messages");
        await tab.Page.Locator("article.group", new() { HasTextString = "orders" }).Filter(new() { HasTextString = Added })
            .Filter(new() { HasTextString = "currency" }).Locator("h2 a").First.ClickAsync();
        await tab.PictureAsync("failed-messages-of-a-cause");
        await tab.Page.ClickAsync($"main a[href='/failed/orders/{letter}']");
        await tab.SaysAsync("main pre", sku);
        (await tab.BarriersAsync()).ShouldBeEmpty();
        await tab.PictureAsync("failed-message");

        var because = $"The currency was a word. {Guid.NewGuid():n}";
        await EditAsync(tab, Product(sku, "EU"), because);
        await tab.SaysAsync(".trouble", "currency");
        (await tab.Page.InputValueAsync("#body")).ShouldContain("\"EU\"", Case.Sensitive, "what was entered is not lost.");
        await tab.PictureAsync("edit-against-the-schema");
        (await console.LetterAsync("orders", letter)).GetProperty("status").GetString().ShouldBe("open");
        (await console.IsKnownAsync(sku)).ShouldBeFalse();

        await EditAsync(tab, "{ no json", because);
        await tab.SaysAsync(".trouble", "no JSON");

        await EditAsync(tab, Product(sku, "EUR"), because);
        await tab.SaysAsync(".notice", "as edited");
        await tab.PictureAsync("edited-and-sent");
        await Poll.UntilAsync(() => console.IsKnownAsync(sku), $"{sku} in the catalogue of orders", RunningConsole.Patience);
        await tab.GoAsync($"/failed/orders/{letter}");
        await tab.SaysAsync("h1 .mark", "retried");

        await tab.GoAsync("/people");
        var row = tab.Page.Locator("tr", new() { HasTextString = because }).First;
        (await row.InnerTextAsync()).ShouldContain(letter.ToString());
        (await row.Locator("a").GetAttributeAsync("href")).ShouldBe($"/people/{console.Operator.UserId}");
        await tab.PictureAsync("audit-of-the-edit");
    }

    [Fact]
    public async Task Is_retried_by_one_of_two_operators_and_the_other_sees_that_it_was_done()
    {
        var letter = await console.PoisonAsync("orders", Added, $"two-{Guid.NewGuid():n}", Product("TWO", "euros"));
        await using var first = await console.SignedInAsync();
        await using var second = await console.SignedInAsync();
        await first.GoAsync($"/failed/orders/{letter}");
        await second.GoAsync($"/failed/orders/{letter}");

        var because = $"Weiß nicht, ob es jetzt geht: {Guid.NewGuid():n}";
        await first.ActAsync("Retry", because);
        await first.SaysAsync(".notice", "on its way");
        await Poll.UntilAsync(
            async () => (await console.LetterAsync("orders", letter)).GetProperty("failures").GetInt32(),
            failures => failures > 1,
            $"{letter} to fail again",
            RunningConsole.Patience);

        // It is open again, and the second one does what the page of before offers; only one of two such wishes is done.
        await first.GoAsync($"/failed/orders/{letter}");
        await first.ActAsync("Park", "A question to the partner is open.");
        await first.SaysAsync("h1 .mark", "parked");
        await second.ActAsync("Retry");
        await second.SaysAsync(".notice", "somebody else may have acted first");
        await second.SaysAsync("h1 .mark", "parked");
        (await console.LetterAsync("orders", letter)).GetProperty("failures").GetInt32().ShouldBe(2);
        await second.PictureAsync("second-operator");
        (await console.Operator.GetAsync("orders", $"/v1/ops/audit?about={letter}")).GetProperty("items").EnumerateArray()
            .ShouldContain(e => e.GetProperty("reason").GetString() == because, "the request itself has no member for it");
    }

    [Fact]
    public async Task Is_not_acted_on_by_a_role_without_the_right()
    {
        var letter = await console.PoisonAsync("orders", Added, $"auditor-{Guid.NewGuid():n}", Product("AUDITOR", "dollar"));
        using var auditor = await Cluster.ShopClient.RegisterAsync(console.Cluster, "auditor");
        var email = (await auditor.GetAsync("users", "/v1/users/me")).GetProperty("email").GetString()!;
        await console.Operator.CallAsync(HttpMethod.Put, "users", $"/v1/users/{auditor.UserId}/role", new { role = "auditor", reason = "looks at the books" });
        await using var tab = await console.SignedInAsync(email: email, password: Cluster.ShopClient.Password);

        foreach (var path in await tab.Page.Locator("nav[aria-label=Pages] a").EvaluateAllAsync<string[]>("links => links.map(l => l.getAttribute('href'))"))
        {
            await tab.GoAsync(path);
        }

        await tab.GoAsync($"/failed/orders/{letter}");
        await tab.SaysAsync(".trouble", "Your role does not have the right to this.");
        await tab.GoAsync("/failed");
        await tab.ActAsync("Retry", "I would like to.");
        await tab.SaysAsync(".trouble", "Your role does not have the right to this.");
        await tab.PictureAsync("auditor-refused");
        (await console.LetterAsync("orders", letter)).GetProperty("status").GetString().ShouldBe("open");
        (await console.Operator.GetAsync("orders", "/v1/ops/dead-letters/retries")).GetProperty("items").EnumerateArray()
            .ShouldNotContain(r => r.GetRawText().Contains("I would like to.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Is_not_shown_to_a_customer()
    {
        var email = (await console.Customer.GetAsync("users", "/v1/users/me")).GetProperty("email").GetString()!;
        await using var tab = await console.OpenAsync();
        await tab.Page.GotoAsync("/failed");
        await tab.Page.FillAsync("#email", email);
        await tab.Page.FillAsync("#password", Cluster.ShopClient.Password);
        await tab.Page.ClickAsync("main button");
        await tab.SaysAsync("h1", "The console is for who works here");
        await tab.PictureAsync("customer-refused");
    }

    private static object Product(string sku, string currency) => new
    {
        sku, name = $"Product {sku}", price = new { amount = "19.50", currency }, components = Array.Empty<object>(), addedAt = "2026-03-14T09:26:53.589Z",
    };

    private static Task EditAsync(Tab tab, object body, string because) => EditAsync(tab, JsonSerializer.Serialize(body), because);

    private static async Task EditAsync(Tab tab, string body, string because)
    {
        var act = tab.Page.Locator("details.act").Filter(new() { Has = tab.Page.Locator("#body") });
        if (await act.GetAttributeAsync("open") is null)
        {
            await act.Locator("summary").ClickAsync();
        }

        await act.Locator("#body").FillAsync(body);
        await tab.ActAsync("Edit and retry", because, "Send it as edited");
    }
}
