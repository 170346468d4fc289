using System.Globalization;
using System.Text.Json.Nodes;

namespace Orders.Tests.Features;

/// <summary>A reader of an order's server-sent events.</summary>
internal sealed class OrderStream : IDisposable
{
    private readonly StreamReader _reader;

    private OrderStream(HttpResponseMessage response, StreamReader reader) => (Response, this._reader) = (response, reader);

    public HttpResponseMessage Response { get; }

    public static async Task<OrderStream> Open(HttpClient client, Guid id, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/orders/{id}/stream");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        return new OrderStream(response, new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)));
    }

    /// <summary>The next change; null when the stream has ended.</summary>
    public async Task<(long Id, string Status)?> Next()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(3));
        long id = 0;
        while (await _reader.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = long.Parse(line[4..], CultureInfo.InvariantCulture);
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                var order = JsonNode.Parse(line[6..])!;
                order["version"]!.GetValue<long>().ShouldBe(id);
                return (id, order["status"]!.GetValue<string>());
            }
        }

        return null;
    }

    public void Dispose()
    {
        _reader.Dispose();
        Response.Dispose();
    }
}
