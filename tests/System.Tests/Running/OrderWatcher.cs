using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Shop.SystemTests.Running;

/// <summary>
/// Somebody who watches an order as a browser's EventSource does: whenever the stream ends, it comes back and says which change it has seen last.
/// </summary>
internal sealed class OrderWatcher(HttpClient http, Uri origin, AuthenticationHeaderValue authorization, Guid order)
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    private readonly List<long> _seen = [];
    private int _connections;

    public Guid Order => order;

    /// <summary>The versions of the order that were shown, in the order in which they were.</summary>
    public IReadOnlyList<long> Seen
    {
        get
        {
            lock (_seen)
            {
                return [.. _seen];
            }
        }
    }

    public long Last
    {
        get
        {
            lock (_seen)
            {
                return _seen.Count == 0 ? 0 : _seen[^1];
            }
        }
    }

    /// <summary>Streams that were opened, and answered with one.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>What was answered last in place of a stream.</summary>
    public string? Refusal { get; private set; }

    public async Task WatchAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await ReadAsync(ct);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                Refusal = ct.IsCancellationRequested ? Refusal : e.Message;
            }

            await Task.Delay(Retry, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(origin, $"/v1/orders/{order}/stream"));
        request.Headers.Authorization = authorization;
        request.Headers.Add("Last-Event-ID", Last.ToString(CultureInfo.InvariantCulture));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            Refusal = $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(ct)}";
            return;
        }

        Interlocked.Increment(ref _connections);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(ct));
        long? id = null;
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = long.Parse(line[4..], CultureInfo.InvariantCulture);
            }
            else if (line.Length == 0 && id is { } version)
            {
                // Only a whole event is one.
                id = null;
                lock (_seen)
                {
                    _seen.Add(version);
                }
            }
        }
    }
}
