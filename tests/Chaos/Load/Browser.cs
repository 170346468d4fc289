using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;

namespace Shop.Chaos.Load;

/// <summary>One answer on the way to a page.</summary>
/// <param name="Address">Who was asked for what.</param>
/// <param name="Status">Null where none came in time.</param>
/// <param name="Took">How long.</param>
/// <param name="Text">What it said.</param>
public sealed record Answer(Uri Address, HttpStatusCode? Status, TimeSpan Took, string Text);

/// <summary>A page at which somebody has arrived, and what is in it to go on with.</summary>
/// <param name="Address">Where it was in the end.</param>
/// <param name="Status">Of its answer.</param>
/// <param name="Html">As it came.</param>
public sealed partial record Page(Uri Address, HttpStatusCode Status, string Html)
{
    /// <summary>Where its links lead.</summary>
    public IEnumerable<string> Links => Link().Matches(Html).Select(m => WebUtility.HtmlDecode(m.Groups["to"].Value));

    /// <summary>Its form with such a field: what it sends as it stands, and where to. Null when there is none.</summary>
    public (Uri Target, Dictionary<string, string> Fields)? FormWith(string field, string? value = null)
    {
        foreach (var form in Form().Matches(Html).Select(m => m.Value))
        {
            var tags = Tag().Matches(form)
                .Select(tag => Attribute().Matches(tag.Value).ToDictionary(a => a.Groups["name"].Value, a => WebUtility.HtmlDecode(a.Groups["value"].Value)))
                .ToList();
            var fields = tags.Skip(1).Where(t => t.ContainsKey("name")).DistinctBy(t => t["name"]).ToDictionary(
                t => t["name"], t => t.GetValueOrDefault("value", ""));
            if (fields.TryGetValue(field, out var there) && (value is null || there == value))
            {
                return (new Uri(Address, tags[0].GetValueOrDefault("action", "")), fields);
            }
        }

        return null;
    }

    [GeneratedRegex("<a [^>]*href=\"(?<to>[^\"]+)\"")]
    private static partial Regex Link();

    [GeneratedRegex("<form.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("<(form|input)[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("(?<name>[a-z-]+)=\"(?<value>[^\"]*)\"")]
    private static partial Regex Attribute();
}

/// <summary>What a browser does of itself: keeps cookies, and goes where it is sent.</summary>
/// <param name="heard">Told of every answer.</param>
public sealed class Browser(Action<Answer> heard) : IDisposable
{
    /// <summary>More than any page needs, whatever is away.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const int MostRedirects = 10;
    private const int MostCookies = 100;   // each sign-in that was begun and not ended leaves some
    private const int LargestCookie = 8192;

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, CookieContainer = new CookieContainer(MostCookies, MostCookies, LargestCookie),
    })
    {
        Timeout = Patience,
    };

    /// <exception cref="HttpRequestException">Somebody on the way was not there, or did not answer in time.</exception>
    public Task<Page> OpenAsync(Uri address, CancellationToken ct) => FollowAsync(HttpMethod.Get, address, null, ct);

    /// <summary>Sends a form.</summary>
    /// <exception cref="HttpRequestException">Somebody on the way was not there, or did not answer in time.</exception>
    public Task<Page> SendAsync(Uri target, Dictionary<string, string> fields, CancellationToken ct) => FollowAsync(HttpMethod.Post, target, fields, ct);

    public void Dispose() => _http.Dispose();

    private async Task<Page> FollowAsync(HttpMethod method, Uri address, Dictionary<string, string>? fields, CancellationToken ct)
    {
        for (var i = 0; i < MostRedirects; i++)
        {
            var (answer, location) = await AskAsync(method, address, fields, ct);
            if (location is null)
            {
                return new Page(address, answer.Status!.Value, answer.Text);
            }

            (method, address, fields) = (HttpMethod.Get, new Uri(address, location), null);
        }

        throw new HttpRequestException($"{address} leads from one page to the next for ever.");
    }

    private async Task<(Answer Answer, Uri? Location)> AskAsync(HttpMethod method, Uri address, Dictionary<string, string>? fields, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, address) { Content = fields is null ? null : new FormUrlEncodedContent(fields) };
        request.Headers.Accept.ParseAdd("text/html");
        var started = Stopwatch.GetTimestamp();
        try
        {
            using var response = await _http.SendAsync(request, ct);
            var answer = new Answer(address, response.StatusCode, Stopwatch.GetElapsedTime(started), await response.Content.ReadAsStringAsync(ct));
            heard(answer);
            return (answer, response.StatusCode is >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest ? response.Headers.Location : null);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            heard(new Answer(address, null, Stopwatch.GetElapsedTime(started), ""));
            throw new HttpRequestException($"{address} did not answer in time.", e);
        }
    }
}
