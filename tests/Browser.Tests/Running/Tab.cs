using System.Collections.Concurrent;
using Chassis.Testing;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Shop.BrowserTests.Running;

/// <summary>A page in a browser, with what the browser has had to say against it.</summary>
public sealed class Tab : IAsyncDisposable
{
    private static readonly string Pictures = Path.Combine(Repository.Root, ".local", "reports", "console");

    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly ConcurrentQueue<string> _dialogs = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly Uri _address;

    internal Tab(IPage page, Uri address)
    {
        (Page, _address) = (page, address);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _complaints.Enqueue($"{page.Url}: {message.Text}");
            }
        };
        page.PageError += (_, error) => _complaints.Enqueue($"{page.Url}: {error}");
        page.Request += (_, request) => _asked.Enqueue(request.Url);
        page.Dialog += async (_, dialog) =>
        {
            _dialogs.Enqueue(dialog.Message);
            await dialog.DismissAsync();
        };
    }

    public IPage Page { get; }

    /// <summary>Errors of scripts, refusals of the page's policy, what could not be loaded.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Messages of windows that a script has opened.</summary>
    public IReadOnlyCollection<string> Dialogs => _dialogs;

    /// <summary>Every address that was asked for anything.</summary>
    public IReadOnlyCollection<string> Asked => _asked;

    /// <summary>Goes to a page of the console that must be there, and looks like one.</summary>
    public async Task GoAsync(string path)
    {
        var answer = await Page.GotoAsync(path);
        answer!.Status.ShouldBe(200, path);
        new Uri(Page.Url).Authority.ShouldBe(_address.Authority, $"{path} is a page of the console");
        (await Page.Locator("h1").CountAsync()).ShouldBe(1, $"{path} has a heading");
    }

    /// <summary>What a page says in a place, in the words that somebody reads.</summary>
    public Task<string> TextAsync(string selector) => Page.Locator(selector).First.InnerTextAsync();

    /// <summary>Waits until a page shows a text in a place, by itself.</summary>
    public Task SaysAsync(string selector, string text) => Poll.UntilAsync(
        async () => string.Join('\n', await Page.Locator(selector).AllInnerTextsAsync()),
        said => said.Contains(text, StringComparison.Ordinal),
        $"“{text}” in {selector} of {Page.Url}",
        RunningConsole.Patience);

    /// <summary>Opens the question of an act, fills in what it asks for, with a reason where one is asked for, and does it.</summary>
    public async Task ActAsync(string title, string? reason = null, string? button = null, IReadOnlyList<(string Name, string Value)>? fields = null)
    {
        var act = Page.Locator("details.act").Filter(new() { Has = Page.Locator("summary", new() { HasTextString = title }) }).First;
        if (await act.GetAttributeAsync("open") is null)
        {
            await act.Locator("summary").ClickAsync();
        }

        if (await act.Locator("input[name=Reason]").CountAsync() > 0)
        {
            await act.Locator("input[name=Reason]").FillAsync(reason ?? "A test wants it.");
        }

        foreach (var (name, value) in fields ?? [])
        {
            await act.Locator($"[name={name}]").FillAsync(value);
        }

        await act.Locator("button", new() { HasTextString = button ?? title }).ClickAsync();
        await Page.WaitForLoadStateAsync();
    }

    /// <summary>What stands between a page and those who do not see, do not hear, or use no mouse.</summary>
    public async Task<IReadOnlyList<string>> BarriersAsync() =>
        [.. (await Page.RunAxe()).Violations.Select(v => $"{Page.Url}: {v.Id}, {v.Help}: {string.Join("; ", v.Nodes.Select(n => n.Html).Take(3))}")];

    public Task PictureAsync(string name) => Page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, $"{name}.png"), FullPage = true });

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();
}
