using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Shop.Cluster;

namespace Shop.Chaos.Load;

/// <summary>
/// An operator who goes over the pages of the console, one after another, while customers order and faults strike; signs in again wherever that is asked for;
/// and now and then does something that changes nothing of what is promised: writes a note, or sends again what nobody can accept.
/// </summary>
public sealed class Visitor : IAsyncDisposable
{
    /// <summary>The pages that are there whatever has happened.</summary>
    public static readonly IReadOnlyList<string> Pages =
        ["/", "/orders", "/failed", "/outbox", "/projections", "/money", "/stock", "/webhooks", "/mails", "/people", "/search?q=item-01"];

    /// <summary>Retries are rarer than notes: what fails again takes its retries each time.</summary>
    private const int RetryEvery = 3;

    private static readonly TimeSpan Reads = TimeSpan.FromMilliseconds(200);

    private readonly Uri _console;
    private readonly Browser _browser;
    private readonly Random _random;
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<int, int> _answers = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Task _visit;
    private Answer? _slowest;
    private int _acts;

    private Visitor(Uri console, int seed)
    {
        (this._console, this._random) = (console, new Random(seed));
        _browser = new Browser(Hear);
        _visit = Task.Run(VisitAsync);
    }

    /// <summary>Answers of the console itself, by their status.</summary>
    public IReadOnlyDictionary<int, int> Answers => _answers;

    /// <summary>Errors of the console's own, and what it has not answered at all.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    public int SignIns { get; private set; }

    /// <summary>Notes and retries that the console says are done.</summary>
    public int Acts => _acts;

    /// <summary>How often somebody on the way was not there.</summary>
    public int Away { get; private set; }

    /// <summary>The answer of the console that took longest.</summary>
    public Answer? Slowest => _slowest;

    /// <returns>Null where there is no console.</returns>
    public static Visitor? Of(Stage stage, RunSettings settings) =>
        settings.HasConsole ? new Visitor(stage.Cluster.Of("console")[0].Address, settings.Seed) : null;

    /// <summary>Ends the visit: what is looked at from now on, whoever calls looks at.</summary>
    public async Task EndAsync()
    {
        await _ending.CancelAsync();
        await _visit;
    }

    /// <summary>Opens a page, signed in.</summary>
    /// <returns>Null when somebody on the way was not there, or nobody could sign in.</returns>
    public async Task<Page?> LookAsync(string path, CancellationToken ct = default)
    {
        try
        {
            return await ArriveAsync(await _browser.OpenAsync(new Uri(_console, path), ct), ct);
        }
        catch (HttpRequestException)
        {
            Away++;
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _browser.Dispose();
        _ending.Dispose();
    }

    private async Task VisitAsync()
    {
        try
        {
            for (var round = 1; !_ending.IsCancellationRequested; round++)
            {
                var seen = new List<string>();
                foreach (var path in Pages)
                {
                    seen.AddRange(await ReadAsync(path) is { } page ? page.Links : []);
                }

                if (Any(seen, "/orders/") is { } order)
                {
                    await ReadAsync(order);
                    await ReadAsync($"/search?q={order["/orders/".Length..]}");
                }

                if (Any(seen, "/failed/messages?") is { } cause && await ReadAsync(cause) is { } messages
                    && Any(messages.Links.Where(l => !l.StartsWith("/failed/messages", StringComparison.Ordinal)), "/failed/") is { } letter)
                {
                    await ActAsync(letter, round % RetryEvery == 0 ? "retry" : "note");
                }
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // The visit is over.
        }
    }

    private async Task<Page?> ReadAsync(string path)
    {
        var page = await LookAsync(path, _ending.Token);
        await Task.Delay(Reads, _ending.Token);
        return page;
    }

    /// <summary>The whole way: the page, its form with what is hidden in it, and the page that says what has come of it.</summary>
    private async Task ActAsync(string letter, string act)
    {
        if (await ReadAsync(letter) is not { } page || page.FormWith("_handler", act) is not { } form)
        {
            return;
        }

        form.Fields["Reason"] = "The visitor wants to see what becomes of it.";
        if (act == "note")
        {
            form.Fields["Text"] = string.Create(CultureInfo.InvariantCulture, $"Seen by the visitor, {Acts} acts after the first.");
        }

        try
        {
            var after = await ArriveAsync(await _browser.SendAsync(form.Target, form.Fields, _ending.Token), _ending.Token);
            _acts += after?.Html.Contains("class=\"notice\"", StringComparison.Ordinal) == true ? 1 : 0;
        }
        catch (HttpRequestException)
        {
            Away++;
        }
    }

    /// <summary>Fills in the form of the issuer, where that is where the way to the page has led.</summary>
    private async Task<Page?> ArriveAsync(Page page, CancellationToken ct)
    {
        if (page.Address.Authority != _console.Authority && page.FormWith("password") is { } form)
        {
            (form.Fields["email"], form.Fields["password"]) = (ShopCluster.OperatorEmail, ShopCluster.OperatorPassword);
            page = await _browser.SendAsync(form.Target, form.Fields, ct);
            SignIns++;
        }

        return page.Address.Authority == _console.Authority && page.Address.AbsolutePath is not ("/sign-in-failed" or "/not-for-you") ? page : null;
    }

    private void Hear(Answer answer)
    {
        if (answer.Address.Authority != _console.Authority)
        {
            return;
        }

        if (_slowest is null || answer.Took > _slowest.Took)
        {
            _slowest = answer;
        }

        var path = answer.Address.AbsolutePath;
        if (answer.Status is not { } status)
        {
            _failures.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{path} was not answered within {Browser.Patience.TotalSeconds:0} s"));
            return;
        }

        _answers.AddOrUpdate((int)status, 1, (_, n) => n + 1);
        // A service, or the issuer, may be away, and the console says so.
        if (status >= HttpStatusCode.InternalServerError && status != HttpStatusCode.ServiceUnavailable)
        {
            var text = answer.Text[..Math.Min(200, answer.Text.Length)];
            _failures.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{path} answered {(int)status}: {text}"));
        }
    }

    private string? Any(IEnumerable<string> links, string beginning)
    {
        var those = links.Where(l => l.StartsWith(beginning, StringComparison.Ordinal)).Distinct().ToArray();
        return those.Length == 0 ? null : those[_random.Next(those.Length)];
    }
}
