using Chassis.Testing;
using Microsoft.Playwright;
using Shop.BrowserTests.Running;
using Shop.Cluster;

namespace Shop.BrowserTests;

/// <summary>Names, reasons and messages that are written for a browser to run, and pages of others that would have the console act.</summary>
public sealed class What_strangers_send(RunningConsole console)
{
    private const string Script = "<script>document.title = 'stolen'; alert('stolen')</script>";
    private const string Picture = "\"><img src=/stolen onerror=\"document.title = 'stolen'; alert('stolen')\">";

    [Fact]
    public async Task Is_shown_as_the_text_that_it_is()
    {
        var sku = await console.ProductAsync(stock: 1);
        var email = $"stranger-{Guid.NewGuid():n}@example.com";
        using (var anonymous = ShopClient.Anonymous(console.Cluster))
        {
            await anonymous.PostAsync("users", "/v1/users", new { email, password = ShopClient.Password, fullName = Script });
        }

        using var stranger = await ShopClient.SignInAsync(console.Cluster, email, ShopClient.Password);
        var draft = await stranger.PostAsync("orders", "/v1/orders", new { items = new[] { new { sku, quantity = 1 } } });
        var cancelled = draft.GetProperty("id").GetGuid();
        await stranger.PostAsync("orders", $"/v1/orders/{cancelled}/cancel", new { reason = Picture });
        var address = new { name = Script, line1 = Picture, city = "Berlin", postalCode = "10115", country = "DE" };
        var placed = await stranger.PostAsync("orders", "/v1/orders", ShopClient.OrderBody("pm_card_visa", address, (sku, 1)));
        var bought = placed.GetProperty("id").GetGuid();
        var letter = await console.PoisonAsync(
            "orders", "shop.product.added.v1", $"{Script}{Guid.NewGuid():n}", new { sku = Script, name = Picture, price = Picture });
        await console.Operator.PostAsync("orders", $"/v1/ops/dead-letters/{letter}/notes", new { text = Script + Picture });
        var fingerprint = (await console.LetterAsync("orders", letter)).GetProperty("fingerprint").GetString()!;
        await console.OrderIs(stranger, bought, "completed");

        await using var tab = await console.SignedInAsync();
        foreach (var (path, text) in new (string, string)[]
        {
            ("/people", Script), ($"/people/{stranger.UserId}", Script), ($"/orders/{cancelled}", Picture), ($"/orders/{bought}", Script), ("/orders", ""),
            ("/failed", ""), ($"/failed/messages?service=orders&status=open&fingerprint={Uri.EscapeDataString(fingerprint)}", ""),
            ($"/failed/orders/{letter}", Script), ($"/failed/orders/{letter}", Picture), ($"/search?q={Uri.EscapeDataString(Script)}", Script),
            ($"/search?q={Uri.EscapeDataString(Picture)}", Picture), ($"/orders?userId={Uri.EscapeDataString(Picture)}", ""),
            ($"/outbox?service={Uri.EscapeDataString(Picture)}", ""), ($"/waiting?state={Uri.EscapeDataString(Script)}", ""), ("/mails", ""),
        })
        {
            await tab.Page.GotoAsync(path);
            (await tab.Page.InnerTextAsync("body")).ShouldContain(text, Case.Sensitive, path);
            (await tab.Page.Locator("script:not([src]), img, main script").CountAsync()).ShouldBe(0, path);
            (await tab.Page.TitleAsync()).ShouldNotBe("stolen", path);
        }

        await tab.PictureAsync("text-of-a-stranger");
        tab.Dialogs.ShouldBeEmpty();
        tab.Complaints.ShouldBeEmpty();
        tab.Asked.ShouldNotContain(url => new Uri(url).AbsolutePath == "/stolen");
    }

    [Fact]
    public async Task As_a_form_of_another_page_does_nothing()
    {
        var letter = await console.PoisonAsync("orders", "shop.product.added.v1", $"csrf-{Guid.NewGuid():n}", new { sku = "FORM" });
        await using var tab = await console.SignedInAsync();
        // Of the same site, so that the cookies come along: the worst that there is.
        var elsewhere = $"http://127.0.0.1:{Ports.Free()}/";
        await tab.Page.RouteAsync(elsewhere, route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = $"""
                <form method="post" action="{console.Address}failed/orders/{letter}">
                  <input name="_handler" value="park"><input name="Reason" value="because"><input name="Key" value="{Guid.NewGuid()}"><button>Win</button>
                </form>
                """,
        }));
        await tab.Page.GotoAsync(elsewhere);
        var answer = await tab.Page.RunAndWaitForResponseAsync(
            () => tab.Page.ClickAsync("button"), r => r.Url.StartsWith(console.Address.ToString(), StringComparison.Ordinal));
        answer.Request.Method.ShouldBe("POST");
        answer.Status.ShouldBe(400);
        var now = await console.LetterAsync("orders", letter);
        now.GetProperty("status").GetString().ShouldBe("open");

        // And that the same form does it here, or the refusal would say nothing.
        await tab.GoAsync($"/failed/orders/{letter}");
        await tab.ActAsync("Park", "because");
        await tab.SaysAsync("h1 .mark", "parked");
    }

    [Fact]
    public async Task As_a_frame_around_the_console_shows_nothing()
    {
        await using var tab = await console.SignedInAsync();
        var elsewhere = $"http://127.0.0.1:{Ports.Free()}/";
        await tab.Page.RouteAsync(elsewhere, route => route.FulfillAsync(new()
        {
            ContentType = "text/html", Body = $"""<iframe src="{console.Address}failed" width="900" height="600"></iframe>""",
        }));
        await tab.Page.GotoAsync(elsewhere, new() { WaitUntil = WaitUntilState.Load });
        await Poll.UntilAsync(
            () => Task.FromResult(tab.Page.Frames is [.., var framed] ? framed.Url : ""),
            url => url.StartsWith("chrome-error:", StringComparison.Ordinal),
            "the browser to refuse the frame",
            RunningConsole.Patience);
        await tab.PictureAsync("framed");
    }
}
