using Microsoft.Playwright;
using Shop.BrowserTests.Running;

namespace Shop.BrowserTests;

/// <summary>What is asked of each page, whatever it shows.</summary>
public sealed class Every_page(RunningConsole console)
{
    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Is_there_for_an_operator_and_for_everybody(ColorScheme scheme)
    {
        await using var tab = await console.SignedInAsync(scheme: scheme);
        var barriers = new List<string>();
        foreach (var path in await PagesAsync(tab))
        {
            await tab.GoAsync(path);
            barriers.AddRange(await tab.BarriersAsync());
            await tab.PictureAsync($"{NameOf(path)}-{scheme.ToString().ToLowerInvariant()}");
        }

        barriers.ShouldBeEmpty();
        tab.Complaints.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(360)]
    [InlineData(1920)]
    public async Task Is_as_wide_as_the_window(int width)
    {
        await using var tab = await console.SignedInAsync(width);
        var wider = new List<string>();
        foreach (var path in await PagesAsync(tab))
        {
            await tab.GoAsync(path);
            var (needs, has) = (await tab.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"), await tab.Page.EvaluateAsync<int>("innerWidth"));
            if (needs > has)
            {
                wider.Add($"{path} needs {needs} of {has} px");
            }

            await tab.PictureAsync($"{NameOf(path)}-{width}");
        }

        wider.ShouldBeEmpty();
    }

    [Fact]
    public async Task Is_used_without_a_mouse()
    {
        await using var tab = await console.SignedInAsync();
        var barred = new List<string>();
        foreach (var path in await PagesAsync(tab))
        {
            await tab.GoAsync(path);
            var reached = new List<string>();
            for (var i = 0; i < 4 && reached.LastOrDefault() != "q"; i++)
            {
                await tab.Page.Keyboard.PressAsync("Tab");
                reached.Add(await tab.Page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.textContent.trim()"));
            }

            if (reached is not ["To the content", .., "q"])
            {
                barred.Add($"{path}: {string.Join(", ", reached)}");
            }
        }

        barred.ShouldBeEmpty("the first key leads past the navigation, the next ones to the search box.");
        await tab.Page.Keyboard.TypeAsync("nothing that there is");
        await tab.Page.Keyboard.PressAsync("Enter");
        await tab.Page.WaitForURLAsync("**/search?q=*");
        (await tab.TextAsync("h1")).ShouldContain("nothing that there is");
    }

    [Fact]
    public async Task Is_nobodys_without_signing_in()
    {
        await using var operators = await console.SignedInAsync();
        var pages = await PagesAsync(operators);
        await using var tab = await console.OpenAsync();
        foreach (var path in pages)
        {
            await tab.Page.GotoAsync(path);
            (await tab.Page.Locator("#password").CountAsync()).ShouldBe(1, $"{path} leads to where people sign in");
        }
    }

    [Fact]
    public async Task Is_over_when_somebody_signs_out()
    {
        await using var tab = await console.SignedInAsync();
        await tab.Page.ClickAsync("header .person button");
        await tab.Page.WaitForLoadStateAsync();
        await tab.Page.GotoAsync("/orders");
        (await tab.Page.Locator("#password").CountAsync()).ShouldBe(1);
    }

    /// <summary>Those of the navigation, and one of each that they lead to.</summary>
    private async Task<IReadOnlyList<string>> PagesAsync(Tab tab)
    {
        var navigation = await tab.Page.Locator("nav[aria-label=Pages] a").EvaluateAllAsync<string[]>("links => links.map(l => l.getAttribute('href'))");
        navigation.Length.ShouldBeGreaterThan(8);
        var sku = await console.ProductAsync(stock: 1);
        var order = await console.Customer.OrderAsync("pm_card_visa", (sku, 1));
        var letter = await console.PoisonAsync("orders", "shop.product.added.v1", $"page-{Guid.NewGuid():n}", new { });
        var fingerprint = (await console.LetterAsync("orders", letter)).GetProperty("fingerprint").GetString()!;
        await console.OrderIs(order, "completed");
        return
        [
            .. navigation, $"/orders/{order}", $"/people/{console.Customer.UserId}", $"/stock/{sku}", $"/failed/orders/{letter}", "/waiting", "/search?q=SKU",
            $"/failed/messages?service=orders&status=open&fingerprint={Uri.EscapeDataString(fingerprint)}",
        ];
    }

    private static string NameOf(string path) => path == "/"
        ? "now"
        : string.Join(
            '-',
            path.Split('?')[0].Split('/', StringSplitOptions.RemoveEmptyEntries)
                .Select(p => Guid.TryParse(p, out _) || p.StartsWith("SKU", StringComparison.Ordinal) ? "one" : p));
}
